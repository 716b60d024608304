"""Room that is limited, across restarts and engines: what went on, what waits, and what is given back."""

import asyncio
import os
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest

from elevon import Resources, app, errors, workflow
from elevon.plugin import ExecutorProperties
from elevon.primitives.clocks import SystemClock
from elevon.records.attempts import AttemptRecord
from elevon.records.changes import Change
from elevon.records.identities import ExecutionId
from elevon.records.phases import ExecutionPhase
from elevon.stores.sqlite import SqliteStateStore
from elevon.tasktypes.container.task import ContainerTask
from tests.integration.engine import flows
from tests.integration.engine.worlds import (
    DONE,
    RUNNING,
    SOON,
    Flag,
    Narrow,
    Scripted,
    World,
    attempt,
    drive,
    driving,
    identity,
    is_parked,
    until,
)

WIDE = Resources(cpu="2")


class Wider(Scripted):
    properties: ClassVar[ExecutorProperties] = ExecutorProperties(
        isolation="engine", check_after=SOON, max_concurrency=2
    )


def command(name: str, script: str, **settings: Any) -> Any:
    return ContainerTask(name, "alpine:3", ["sh"], ["-c", script], **settings)


class Crowd:
    """Which attempts are under way, by what is durable."""

    def __init__(self) -> None:
        self.most = 0
        self._under_way: set[str] = set()

    def note(self, _execution: ExecutionId, changes: Sequence[Change]) -> None:
        for change in changes:
            if isinstance(change, AttemptRecord) and change.started_at is not None:
                if change.phase.is_terminal:
                    self._under_way.discard(change.node_id)
                else:
                    self._under_way.add(change.node_id)
        self.most = max(self.most, len(self._under_way))


async def begun_count(embedded: app.Embedded) -> int:
    view = await embedded.admin.view(identity())
    return sum(1 for node in view.walk() for one in node.attempts if one.phase.is_followed)


async def test_limit_of_an_executor_holds_after_a_restart(world: World) -> None:
    flag, crowd = Flag(), Crowd()
    await world.crash(flows.five, Narrow(check=[flag.hang]), flag.reached())
    executor = Narrow(check=[RUNNING, DONE])
    async with world.engine(executor) as embedded:
        embedded.engine.observe(crowd.note)
        await drive(embedded, identity())
        assert (await embedded.admin.get(identity())).phase is ExecutionPhase.SUCCEEDED
    assert executor.kinds()[0] == "check"
    assert crowd.most == 1


async def test_who_went_on_beyond_a_lowered_limit_is_waited_for(world: World) -> None:
    async def two(embedded: app.Embedded) -> bool:
        return await begun_count(embedded) == 2

    async with world.engine(Wider(check=[RUNNING])) as embedded:
        execution = await world.create(embedded, flows.five)
        async with driving(embedded, execution):
            await until(embedded, two)
    executor = Narrow()
    assert (await world.resume(executor)).phase is ExecutionPhase.SUCCEEDED
    ended: Counter[str] = Counter()
    for call in executor.calls:
        if call.kind == "start":
            assert ended["finalize"] >= 2
        ended[call.kind] += 1
    assert ended["start"] == 3


def wide_flow(folder: Path) -> Any:
    wide = command(
        "wide", f"echo x >> {folder / 'runs'}; test -e {folder / 'go'} || sleep 600", requests=WIDE
    )
    slim = command("slim", "true")

    @workflow
    def flow() -> None:
        wide()
        slim()

    return flow


async def ran_slim(embedded: app.Embedded) -> bool:
    view = await embedded.admin.view(identity())
    return any(
        node.record is not None and node.record.phase.is_terminal for node in view.walk() if node.id == "n1"
    )


async def test_a_job_too_wide_for_this_engine_waits_for_a_wider_one_and_holds_up_nobody(
    world: World, tmp_path: Path
) -> None:
    flow = wide_flow(tmp_path)
    async with world.engine(workers=2) as embedded:
        execution = await world.create(embedded, flow)
        async with driving(embedded, execution):
            await until(embedded, runs)
    (tmp_path / "go").touch()
    async with world.engine(workers=1) as embedded:
        async with driving(embedded, execution):
            await until(embedded, is_parked)
            await until(embedded, ran_slim)
        reason = (await attempt(embedded)).reason
    assert reason == (
        "the task requests 2 CPUs, and this engine has 1 slots: lower the request, or resume with more --workers"
    )
    record = await world.resume(workers=2)
    assert record.phase is ExecutionPhase.SUCCEEDED, record.failure
    assert len((tmp_path / "runs").read_text().split()) == 2


async def runs(embedded: app.Embedded) -> bool:
    return await begun_count(embedded) == 1 and (await attempt(embedded)).running_at is not None


async def take_over(world: World, execution: ExecutionId) -> None:
    """Own it, as an engine does that takes the other one for dead."""
    clock = SystemClock()
    store = SqliteStateStore(world.home.database, clock, lambda _owner: False)
    await store.open()
    try:
        now = clock.now()
        assert await store.acquire_lease(execution, "thief", now + timedelta(minutes=5), now) is not None
    finally:
        await store.close()


async def test_execution_that_was_taken_over_leaves_its_slot_to_the_others(
    world: World, tmp_path: Path
) -> None:
    pipe = tmp_path / "pid"
    os.mkfifo(pipe)
    long, short = command("long", f"echo $$ > {pipe}; exec sleep 600"), command("short", "true")
    pids: list[int] = []

    @workflow
    def first() -> None:
        long()

    @workflow
    def second() -> None:
        short()

    async def lose(embedded: app.Embedded, lost: ExecutionId, kept: ExecutionId) -> None:
        async with driving(embedded, lost, kept) as task:
            pids.append(int(await asyncio.to_thread(pipe.read_text)))
            await take_over(world, lost)
            await asyncio.wait([task])

    async with world.engine(workers=1, lease_time=timedelta(milliseconds=300)) as embedded:
        lost = await world.create(embedded, first)
        kept = await world.create(embedded, second, "x2")
        with pytest.raises(errors.ConflictError, match="execution x1 was taken over by another engine"):
            await lose(embedded, lost, kept)
        assert (await embedded.admin.get(kept)).phase is ExecutionPhase.SUCCEEDED
        assert (await embedded.admin.get(lost)).phase is ExecutionPhase.RUNNING
        with pytest.raises(ProcessLookupError):
            os.kill(pids[0], 0)
