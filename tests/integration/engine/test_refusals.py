"""Answers that can't be stored: they fail their own attempt in one sentence, and disturb nothing else."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, ClassVar

import pytest

from elevon import app, errors
from elevon.idl import literals
from elevon.plugin import ExecutorProperties, TaskContext, TaskStatus
from elevon.records.attempts import LogLink
from elevon.records.failures import Failure
from elevon.records.phases import AttemptPhase, ExecutionPhase
from tests.integration.engine import flows
from tests.integration.engine.worlds import (
    DONE,
    RUNNING,
    SOON,
    Other,
    Scripted,
    State,
    World,
    attempt,
    drive,
    driving,
    identity,
    outputs_of,
    until,
)

WRONG: Any = OSError("no text")
UNSTORABLE: dict[str, Callable[[], TaskStatus[Any]]] = {
    "reason": lambda: TaskStatus.running(State(), reason=WRONG),
    "phase version": lambda: TaskStatus.running(State(), phase_version=2**64),
    "log link": lambda: TaskStatus.running(State(), log_links=(LogLink("log", WRONG),)),
    "log links": lambda: TaskStatus.running(State(), log_links=WRONG),
    "custom info": lambda: TaskStatus.running(State(), custom_info=WRONG),
    "message": lambda: TaskStatus.retryable_failure(Failure("USER:Odd", WRONG)),
    "code": lambda: TaskStatus.permanent_failure(Failure(WRONG, "odd")),
}


class Slow(Scripted):
    properties: ClassVar[ExecutorProperties] = ExecutorProperties(
        isolation="engine", check_after=timedelta(minutes=5)
    )


class Unspeakable(Exception):
    """Can't even be printed."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


@pytest.mark.parametrize("kind", ["start", "check"])
@pytest.mark.parametrize("part", UNSTORABLE)
async def test_status_that_can_not_be_stored_fails_its_attempt_alone(
    world: World, part: str, kind: str
) -> None:
    async def answer(_ctx: TaskContext[State]) -> TaskStatus[Any]:
        return UNSTORABLE[part]()

    broken = Scripted(**{kind: [answer]})
    async with world.engine(broken, Other()) as embedded:
        refused = await world.create(embedded, flows.stubborn)
        sound = await world.create(embedded, flows.single_other, "x2")
        await drive(embedded, refused, sound)
        record = await embedded.admin.get(refused)
        assert record.phase is ExecutionPhase.FAILED
        assert record.failure is not None
        assert record.failure.code == "SYSTEM:StateRefused"
        assert record.failure.message.startswith(
            "node n0: executor 'scripted' returned a status that can't be kept: "
        )
        assert "\n" not in record.failure.message
        assert broken.kinds()[-2:] == ["kill", "finalize"]
        assert (await embedded.admin.get(sound)).phase is ExecutionPhase.SUCCEEDED


async def test_text_that_is_no_unicode_is_kept_as_escapes(world: World) -> None:
    """As a message is that quotes the name of a file."""
    failing: TaskStatus[Any] = TaskStatus.retryable_failure("no file 'a\udcff'")
    async with world.engine(Scripted(start=[failing, RUNNING])) as embedded:
        execution = await world.create(embedded, flows.stubborn)
        await drive(embedded, execution)
        assert (await embedded.admin.get(execution)).phase is ExecutionPhase.SUCCEEDED
        first = await attempt(embedded)
    assert first.phase is AttemptPhase.RETRYABLE_FAILED
    assert first.failure is not None
    assert first.failure.message == r"no file 'a\udcff'"


async def test_exception_that_can_not_be_printed_is_a_failure_of_its_call(world: World) -> None:
    executor = Scripted(check=[Unspeakable(), DONE])
    assert (await world.run(flows.single, executor)).phase is ExecutionPhase.SUCCEEDED
    assert executor.kinds() == ["start", "check", "check", "finalize"]


@pytest.mark.parametrize(
    "step",
    [
        errors.RetryableError("much later", after=timedelta.max),
        TaskStatus.running(State(1), check_after=timedelta.max),
    ],
    ids=["raised", "returned"],
)
async def test_wait_beyond_the_end_of_time_is_a_long_one(world: World, step: Any) -> None:
    async with world.engine(Scripted(check=[step])) as embedded:
        execution = await world.create(embedded, flows.single)
        async with driving(embedded, execution) as task:
            await until(embedded, has_answered)
            assert not task.done()


async def has_answered(embedded: app.Embedded) -> bool:
    view = await embedded.admin.view(identity())
    (node,) = view.walk()
    return any(
        one.system_failure_count or one.custom_state == b'{"value":1,"text":"","ratio":0.0}'
        for one in node.attempts
    )


@pytest.mark.parametrize("kind", ["start", "check"])
async def test_outputs_that_are_no_literals_are_a_failure_that_names_them(world: World, kind: str) -> None:
    plain: Any = {"o0": 1}
    record = await world.run(flows.single, Scripted(**{kind: [TaskStatus.succeeded(plain)]}))
    assert record.phase is ExecutionPhase.FAILED
    assert record.failure is not None
    assert "executor 'scripted' returned int as output 'o0': return a Literal" in record.failure.message


class Resolving(Scripted):
    """Succeeds without outputs, and has trouble to find them."""

    def __init__(self, trouble: Exception, **steps: Any) -> None:
        super().__init__(**steps)
        self._troubles = [trouble]

    async def resolve_outputs(self, ctx: TaskContext[State], *names: str) -> dict[str, Any]:
        if self._troubles:
            raise self._troubles.pop()
        return {name: literals.integer(7) for name in names}


@pytest.mark.parametrize("state", [State(3), None], ids=["with a state", "without a state"])
@pytest.mark.parametrize("trouble", [errors.RetryableError("not yet", after=SOON), ConnectionError("reset")])
async def test_start_that_succeeded_is_not_repeated_for_its_outputs(
    world: World, trouble: Exception, state: State | None
) -> None:
    succeeded: TaskStatus[Any] = TaskStatus.succeeded(state=state)
    executor = Resolving(trouble, start=[succeeded], check=[succeeded])
    record = await world.run(flows.single, executor)
    assert outputs_of(record) == {"o0": 7}
    assert executor.kinds() == ["start", "check", "finalize"]
    assert executor.calls[1].state == state


async def test_check_that_asks_to_be_called_again_at_once_is(world: World) -> None:
    at_once: TaskStatus[Any] = TaskStatus.running(State(), check_after=timedelta(0))
    executor = Slow(start=[at_once], check=[at_once, at_once, DONE])
    assert (await world.run(flows.single, executor)).phase is ExecutionPhase.SUCCEEDED
