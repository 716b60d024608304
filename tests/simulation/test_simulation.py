"""Random workflows end as they must through every crash and fault; the simulator itself can tell when they don't."""

from collections.abc import Callable
from datetime import datetime

import msgspec
import pytest

from elevon.propeller.machine import commands
from elevon.propeller.machine.drafts import Step
from elevon.propeller.machine.events import Event
from elevon.propeller.machine.steps import step
from elevon.propeller.machine.views import View
from elevon.records.answers import CallKind
from elevon.records.attempts import AttemptRecord
from elevon.records.nodes import NodeRecord
from elevon.records.transitions import Transition
from tests.simulation import engines, runs

RUN_COUNT = 500
SLICE = 50
replace = msgspec.structs.replace


@pytest.mark.parametrize("first", range(1, RUN_COUNT, SLICE))
def test_workflows_end_as_they_must_through_crashes_and_faults(first: int) -> None:
    for seed in range(first, first + SLICE):
        result = runs.carry_out(runs.of_seed(seed))
        assert not result.complaint, f"{result.complaint}; make sim SEED={seed} RUNS=1 tells the story"


def test_a_seed_tells_the_same_story_each_time() -> None:
    first, second = (runs.carry_out(runs.of_seed(7)) for _ in range(2))
    assert first.story == second.story


def knows_nothing(done: Step) -> Step:
    """Starts are never told that they may have happened."""
    told = (
        replace(each, start_may_have_happened=False) if isinstance(each, commands.Call) else each
        for each in done.commands
    )
    return replace(done, commands=tuple(told))


def loses(kind: CallKind) -> Callable[[Step], Step]:
    """Calls of a kind are not made."""

    def lose(done: Step) -> Step:
        left = (
            each for each in done.commands if not isinstance(each, commands.Call) or each.call is not kind
        )
        return replace(done, commands=tuple(left))

    return lose


def repeats_starts(done: Step) -> Step:
    """Every start is made twice."""
    starts = (
        each for each in done.commands if isinstance(each, commands.Call) and each.call is CallKind.START
    )
    return replace(done, commands=(*done.commands, *starts))


def writes_no_history(done: Step) -> Step:
    """Changes of phase are not told."""
    return replace(done, changes=tuple(each for each in done.changes if not isinstance(each, Transition)))


def forgets_attempts(done: Step) -> Step:
    """Rows of attempts are not written."""
    return replace(done, changes=tuple(each for each in done.changes if not isinstance(each, AttemptRecord)))


def forgets_futures(done: Step) -> Step:
    """Rows of nodes do not say what they go on as."""
    kept = (replace(each, expansion=None) if isinstance(each, NodeRecord) else each for each in done.changes)
    return replace(done, changes=tuple(kept))


def forgets_elements(done: Step) -> Step:
    """Rows of arrays do not say how many elements there are."""
    kept = (replace(each, element_count=0) if isinstance(each, NodeRecord) else each for each in done.changes)
    return replace(done, changes=tuple(kept))


def finalizes_what_was_abandoned(done: Step) -> Step:
    """What an operator gave up is called once more."""
    more = (
        commands.Call(each.node_id, each.attempt, CallKind.FINALIZE)
        for each in done.commands
        if isinstance(each, commands.Cancel)
    )
    return replace(done, commands=(*done.commands, *more))


SABOTAGES = {
    "two starts that do not know of each other": (knows_nothing, "started twice unknowingly"),
    "a kill that is not made": (loses(CallKind.KILL), "nothing is due"),
    "a finalizer that is not called": (loses(CallKind.FINALIZE), "nothing is due"),
    "calls that overlap": (repeats_starts, "overlap"),
    "a history with holes": (writes_no_history, "is not told"),
    "futures that a restart does not know of": (forgets_futures, "and rebuilt from rows"),
    "arrays whose elements a restart does not know of": (forgets_elements, "and rebuilt from rows"),
    "a call of what was abandoned": (finalizes_what_was_abandoned, "is made after it was abandoned"),
    "calls without a committed intent": (forgets_attempts, "before anything of it was committed"),
}


@pytest.mark.parametrize("name", SABOTAGES)
def test_the_simulation_finds(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sabotage, complaint = SABOTAGES[name]

    def sabotaged(view: View, event: Event, now: datetime) -> Step:
        return sabotage(step(view, event, now))

    monkeypatch.setattr(engines, "step", sabotaged)
    results = (runs.carry_out(runs.of_seed(seed)) for seed in range(1, 200))
    assert any(complaint in result.complaint for result in results)


def test_a_story_is_shortened_as_long_as_it_shows_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "step", lambda *given: repeats_starts(step(*given)))
    failed = next(result for seed in range(1, 50) if (result := runs.carry_out(runs.of_seed(seed))).complaint)
    shortest = runs.shorten(failed)
    assert shortest.complaint
    assert len(shortest.story) <= len(failed.story)
