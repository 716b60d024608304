"""What an engine measures of its executors."""

from elevon.primitives.figures import Figures
from elevon.propeller.machine.events import CallRaised, CallSucceeded
from elevon.propeller.measures import Measures, Standing
from elevon.records.answers import CallKind
from elevon.records.failures import Failure

RAISED = CallRaised("n0", 0, CallKind.START, Failure(code="SYSTEM:Unavailable", message="down"))


def values(figures: Figures, name: str) -> dict[tuple[str, ...], float]:
    """Values by those of their labels; the count of a histogram."""
    return {
        tuple(sample.labels[label] for label in sorted(sample.labels)): sample.count if sample.counts else sample.value
        for family in figures.snapshot()
        if family.name == name
        for sample in family.samples
    }  # fmt: skip


def test_calls_are_counted_by_executor_and_kind_and_errors_by_code() -> None:
    figures = Figures()
    measures = Measures(figures)
    for _ in range(3):
        measures.begin_call("sleep", CallKind.START)
    measures.end_call("sleep", CallKind.START, 0.01, CallSucceeded("n0", 0, CallKind.START))
    measures.end_call("sleep", CallKind.START, 0.01, RAISED)
    assert values(figures, "elevon_call_seconds") == {("start", "sleep"): 2}
    assert values(figures, "elevon_call_errors") == {("start", "SYSTEM:Unavailable", "sleep"): 1}
    assert values(figures, "elevon_calls_in_flight") == {("start", "sleep"): 1}


def test_attempts_are_looked_at_with_each_snapshot() -> None:
    figures = Figures()
    measures = Measures(figures)
    standings = [Standing("sleep", is_parked=False), Standing("sleep", is_parked=True)]
    measures.look_at(lambda: standings)
    assert values(figures, "elevon_attempts_in_flight") == {("sleep",): 2}
    assert values(figures, "elevon_attempts_parked") == {("sleep",): 1}
    standings.clear()
    assert values(figures, "elevon_attempts_in_flight") == {("sleep",): 0}


def test_commits_and_setbacks_are_counted() -> None:
    figures = Figures()
    measures = Measures(figures)
    measures.count_commit(7, 0.002)
    measures.count_commit(1, 0.002)
    measures.count_setback("spark")
    assert values(figures, "elevon_commit_rows") == {(): 8}
    assert values(figures, "elevon_commit_seconds") == {(): 2}
    assert values(figures, "elevon_phase_setbacks") == {("spark",): 1}


def test_what_executors_measure_has_a_room_of_its_own_and_their_names() -> None:
    figures = Figures()
    measures = Measures(figures)
    for executor in ("spark", "ray"):
        measures.of_executor(executor).counter("cache_hits", "found in memory").add(2)
    assert values(figures, "elevon_plugin_cache_hits") == {("ray",): 2, ("spark",): 2}
