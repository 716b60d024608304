"""One host process by itself: its limits, its delays, and what it says of itself."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from elevon import errors
from elevon.blobs.local_files import LocalBlobStore
from elevon.plugin import Executor, SetupContext
from elevon.plugin.hosts import ExecutorHost
from elevon.plugin.invocations import AttemptPaths, Invocation, TaskFacts
from elevon.plugin.processes.hosts import ProcessHosting
from elevon.plugin.registry import Registry
from elevon.primitives.clocks import SystemClock
from elevon.records.answers import Answer, CallKind, Raised, Reply
from elevon.records.attempts import AttemptRecord
from elevon.records.identities import AttemptId, ExecutionId
from elevon.records.phases import AttemptPhase
from elevon.testing.clocks import EPOCH
from elevon.testing.contexts import MemoryServices, ScriptedLauncher
from elevon.workers.processes import Household
from tests.integration.hosts import players
from tests.integration.hosts.players import Impatient, Player
from tests.integration.hosts.stages import until

GRACE = timedelta(milliseconds=300)
LIMIT = timedelta(seconds=20)


class HeldClock(SystemClock):
    """Its time goes on only when it is told to; who sleeps is let go by then."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._sleeper_count = 0
        self._moved = asyncio.Condition()

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        until = self.seconds + seconds
        async with self._moved:
            self._sleeper_count += 1
            self._moved.notify_all()
            try:
                await self._moved.wait_for(lambda: self.seconds >= until)
            finally:
                self._sleeper_count -= 1

    async def slept_on(self) -> None:
        """Return when somebody sleeps."""
        async with self._moved:
            await self._moved.wait_for(lambda: self._sleeper_count > 0)

    async def move(self, seconds: float) -> None:
        self.seconds += seconds
        async with self._moved:
            self._moved.notify_all()


@contextlib.asynccontextmanager
async def running(
    folder: Path, executor: Executor[Any, Any], clock: SystemClock | None = None, **script: Any
) -> AsyncGenerator[ExecutorHost]:
    """A host with an executor in it."""
    clock = clock or SystemClock()
    household = Household(folder / "scratch", None)
    settings = {name: [step] if isinstance(step, str) else step for name, step in script.items()}
    registry = Registry.of([executor], configuration={executor.id: {"folder": str(folder), **settings}})
    setup: SetupContext[Any] = SetupContext(
        config=None, clock=clock, blobs=LocalBlobStore(), state_dir=folder / "state"
    )
    hosting = ProcessHosting(household, clock, folder / "hosts", 1 << 18)
    host = hosting.host_of(registry.by_id(executor.id), setup)
    await host.start(LIMIT, GRACE)
    try:
        yield host
    finally:
        await host.stop(GRACE)
        await household.close(SystemClock())


def check_of(folder: Path, number: int = 0) -> Invocation:
    record = AttemptRecord(
        node_id=f"n{number}",
        executor_id="player",
        task_type="scripted",
        phase=AttemptPhase.RUNNING,
        custom_state=b'{"value":1}',
        state_version=1,
        queued_at=EPOCH,
    )
    return Invocation(
        call=CallKind.CHECK,
        id=AttemptId(ExecutionId("default", "development", "a0"), record.node_id, 0),
        name=f"a0-n{number}-0",
        paths=AttemptPaths(folder),
        task=TaskFacts(outputs=("o0",)),
        record=record,
        now=EPOCH,
    )


async def call(host: ExecutorHost, folder: Path, number: int = 0) -> Reply:
    async with asyncio.timeout(45):
        return await host.carry_out(
            check_of(folder, number), MemoryServices(ScriptedLauncher(), folder / "in")
        )


def is_noted(folder: Path, kind: str) -> bool:
    return any(note["kind"] == kind for note in players.notes(folder))


async def answered(host: ExecutorHost, folder: Path, number: int = 0) -> Answer:
    """What a call comes to, made again until there is a process that answers it."""
    while True:
        reply = await call(host, folder, number)
        if isinstance(reply, Answer):
            return reply
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("step", ["block", "hold_the_gil"])
async def test_call_that_blocks_the_process_costs_it_and_is_placed(tmp_path: Path, step: str) -> None:
    async with running(tmp_path, Impatient(), check=[step, "done"]) as host:
        reply = await call(host, tmp_path)
        assert isinstance(reply, Raised)
        assert "executor 'player' did not answer within 0.2 s" in reply.failure.message
        assert f"at {step} ({players.__file__}:" in reply.failure.message
        assert not reply.is_counted
        assert (await answered(host, tmp_path)).phase is AttemptPhase.SUCCEEDED


async def test_call_that_ignores_its_cancellation_costs_the_process(tmp_path: Path) -> None:
    async with running(tmp_path, Impatient(), check=["ignore_cancellation", "done"]) as host:
        reply = await call(host, tmp_path)
        assert isinstance(reply, Raised)
        assert "did not end the call 0.3 s after it was cancelled" in reply.failure.message
        assert (await answered(host, tmp_path)).phase is AttemptPhase.SUCCEEDED


async def test_call_that_is_cancelled_by_the_engine_has_ended_when_that_comes_through(tmp_path: Path) -> None:
    async with running(tmp_path, Player(), check=["ignore_cancellation", "done"]) as host:
        task = asyncio.ensure_future(call(host, tmp_path))
        await until(lambda: is_noted(tmp_path, "check"))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await answered(host, tmp_path)).phase is AttemptPhase.SUCCEEDED
    assert len({note["pid"] for note in players.notes(tmp_path)}) == 2


async def test_blocked_loop_is_found_and_named_before_the_time_is_up(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = HeldClock()
    async with running(tmp_path, Player(), clock, check="block") as host:
        task = asyncio.ensure_future(call(host, tmp_path))
        await until(lambda: is_noted(tmp_path, "check"))
        host.watch()
        assert host.blocked_since is None
        await clock.move(6)
        host.watch()
        host.watch()
        assert host.blocked_since is not None
        assert caplog.text.count("the host of executor 'player' has blocked its loop since") == 1
        task.cancel()
        await asyncio.wait([task])


async def test_next_process_comes_later_each_time_and_calls_wait_for_it(tmp_path: Path) -> None:
    clock = HeldClock()
    async with running(tmp_path, Player(), clock, check=["die", "die", "done"]) as host:
        for delay_s in (0.1, 0.2):
            lost = await call(host, tmp_path)
            assert isinstance(lost, Raised)
            assert lost.after == timedelta(seconds=delay_s)
            await clock.slept_on()
            await clock.move(delay_s)
        assert isinstance(await call(host, tmp_path), Answer)


async def test_call_waits_for_a_process_no_longer_than_it_may_take(tmp_path: Path) -> None:
    async with running(tmp_path, Impatient(), HeldClock(), check="die") as host:
        assert isinstance(await call(host, tmp_path), Raised)
        refused = await call(host, tmp_path)
    assert isinstance(refused, Raised)
    assert not refused.was_called
    assert not refused.is_counted
    assert (
        "has no host at the moment: the host of executor 'player' was ended by SIGKILL"
        in refused.failure.message
    )


async def test_who_is_under_way_beside_a_guilty_call_is_not_failed_with_it(tmp_path: Path) -> None:
    """Five attempts are checked at once, and the checks of one always end the process."""
    async with running(tmp_path, Player(), check="leave_if_first") as host:
        replies: dict[int, Reply] = {}

        async def follow(number: int) -> None:
            while True:
                reply = await call(host, tmp_path, number)
                if isinstance(reply, Answer) or reply.retry is errors.Retry.NEVER:  # pyright: ignore[reportAttributeAccessIssue]
                    replies[number] = reply
                    return
                await asyncio.sleep(0.02)

        async with asyncio.TaskGroup() as group:
            for number in range(5):
                group.create_task(follow(number))
    guilty = replies.pop(0)
    assert isinstance(guilty, Raised)
    assert "died 3 times during this call" in guilty.failure.message
    assert all(isinstance(reply, Answer) for reply in replies.values())


async def test_class_that_another_process_could_not_import_is_refused(tmp_path: Path) -> None:
    class Local(Player):
        """Nobody else can have it."""

    async with running(tmp_path, Local()) as host:
        assert host.failure is not None
        assert (
            "Local, which its host process can't import: define the class at the top" in host.failure.message
        )


async def test_text_that_is_no_unicode_comes_back_as_escapes(tmp_path: Path) -> None:
    async with running(tmp_path, Player(), check="odd_reason") as host:
        assert (await answered(host, tmp_path)).reason == "file \\udcff"


async def test_wake_is_of_use_as_long_as_the_engine_knows_the_attempt(tmp_path: Path) -> None:
    async with running(tmp_path, Player(), check="wake_later") as host:
        services = MemoryServices(ScriptedLauncher(), tmp_path / "in")
        await host.carry_out(check_of(tmp_path), services)
        await until(lambda: services.wake_count > 0)


async def test_log_of_a_host_is_held_to_its_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    monkeypatch.setattr("elevon.plugin.processes.lives.LOG_LIMIT_BYTES", 1000)
    async with running(tmp_path, Player(), check=["write_much", "hang"]) as host:
        await answered(host, tmp_path)
        log = tmp_path / "hosts" / "own" / "player.log"
        await until(lambda: log.stat().st_size <= 1000)
