"""Plain lines tell of each node's beginning and end, and of what goes wrong or waits in between."""

import errno
import io

import msgspec
import pytest
from rich.console import Console

from elevon.cli import elements, livetrees, reports
from elevon.records.attempts import AttemptRecord
from elevon.records.changes import Change
from elevon.records.failures import Failure
from elevon.records.nodes import NodeRecord
from elevon.records.phases import AttemptPhase, ExecutionPhase, NodePhase
from elevon.records.transitions import Transition
from tests.unit.admin import specimens
from tests.unit.admin.specimens import World

DOUBLE = "tests.unit.admin.specimens.double"


@pytest.fixture
async def world() -> World:
    made = World()
    await made.store.open()
    return made


def node(world: World, phase: NodePhase, node_id: str = "n0", **fields: object) -> NodeRecord:
    record = NodeRecord(node_id=node_id, spec_node_id=node_id, phase=phase, started_at=world.clock.now())
    return msgspec.structs.replace(
        record, ended_at=world.clock.now() if phase.is_terminal else None, **fields
    )


def attempt(world: World, phase: AttemptPhase, **fields: object) -> AttemptRecord:
    record = AttemptRecord(
        node_id="n0", executor_id="python", task_type="python-task", phase=phase, queued_at=world.clock.now()
    )
    return msgspec.structs.replace(record, **fields)


async def lines_of(world: World, *changes: Change, flow: object = specimens.both) -> list[str]:
    await world.store.open()
    execution = await world.create(flow)
    stream = io.StringIO()
    with reports.PlainReport([await world.admin.view(execution)], stream) as report:
        for change in changes:
            report.changed(execution, [change])
    return stream.getvalue().splitlines()


async def test_a_node_that_begins_and_ends_has_two_lines(world: World) -> None:
    assert await lines_of(world, node(world, NodePhase.RUNNING), node(world, NodePhase.SUCCEEDED)) == [
        f"n0 {DOUBLE} RUNNING",
        f"n0 {DOUBLE} SUCCEEDED in 0.00 s",
    ]


class Gone(io.StringIO):
    """What is left of a pipe or terminal when the other end is closed."""

    def __init__(self, error: OSError) -> None:
        super().__init__()
        self.error = error

    def write(self, text: str, /) -> int:
        raise self.error

    def flush(self) -> None:
        raise self.error


async def test_nobody_to_tell_is_no_error(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    execution = await world.create()
    views = [await world.admin.view(execution)]
    hung_up = OSError(errno.EIO, "Input/output error")
    monkeypatch.setattr("sys.stderr", Gone(hung_up))
    for made in (
        reports.PlainReport(views, Gone(BrokenPipeError())),
        reports.SilentReport(),
        livetrees.LiveTree(views),
    ):
        report: reports.Report = made
        report.changed(execution, [node(world, NodePhase.RUNNING)])
        report.say("suspending")
        report.__exit__(None, None, None)


async def test_nothing_is_told_twice(world: World) -> None:
    waiting = attempt(world, AttemptPhase.WAITING_FOR_RESOURCES, reason="no slot")
    running = node(world, NodePhase.RUNNING)
    assert await lines_of(world, running, running, waiting, waiting) == [
        f"n0 {DOUBLE} RUNNING",
        f"n0 {DOUBLE} waits: no slot",
    ]


async def test_an_attempt_that_runs_waits_for_nothing(world: World) -> None:
    running = attempt(world, AttemptPhase.RUNNING, reason="container side ended with exit code 3")
    assert await lines_of(world, running) == [f"n0 {DOUBLE} reports: container side ended with exit code 3"]


async def test_a_failed_attempt_that_will_be_repeated_has_a_line(world: World) -> None:
    failed = attempt(
        world, AttemptPhase.RETRYABLE_FAILED, failure=Failure("USER:ValueError", "ValueError: no\nmore")
    )
    assert await lines_of(world, failed) == [
        f"n0 {DOUBLE} attempt 0 failed and can be repeated: ValueError: no"
    ]


async def test_an_attempt_that_is_parked_says_why(world: World) -> None:
    parked = attempt(world, AttemptPhase.RUNNING, is_parked=True, reason="its state is newer")
    assert await lines_of(world, parked) == [f"n0 {DOUBLE} waits for an operator: its state is newer"]


async def test_a_program_is_told_what_is_parked_once_and_nothing_else(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    execution = await world.create()
    parked = attempt(world, AttemptPhase.RUNNING, is_parked=True, reason="its state is newer")
    beside = msgspec.structs.replace(parked, node_id="n1")
    waiting = attempt(world, AttemptPhase.WAITING_FOR_RESOURCES, reason="no slot")
    with reports.SilentReport() as report:
        for changes in ([node(world, NodePhase.RUNNING), waiting], [parked], [parked, beside]):
            report.changed(execution, changes)
    assert capsys.readouterr().err == f"{execution.name} n0 waits for an operator: its state is newer\n"


async def test_calls_that_raise_are_told_with_what_they_raised_where_it_is_known(world: World) -> None:
    troubled = attempt(world, AttemptPhase.RUNNING, system_failure_count=1)
    raised = Transition(
        node_id="n0",
        attempt=0,
        phase="RUNNING",
        at=world.clock.now(),
        event="CallRaised",
        message="check failed 1 times: 503: busy\nmore",
    )
    execution = await world.create()
    stream = io.StringIO()
    report = reports.PlainReport([await world.admin.view(execution)], stream)
    for number in (1, 2):
        again = msgspec.structs.replace(raised, message=f"check failed {number} times: 503: busy\nmore")
        report.changed(execution, [troubled, again])
    report.changed(execution, [attempt(world, AttemptPhase.FAILED, system_failure_count=9), raised])
    assert stream.getvalue() == f"n0 {DOUBLE} in trouble, is tried again: 503: busy\n"
    assert await lines_of(World(), troubled) == [f"n0 {DOUBLE} in trouble, is tried again"]


async def test_a_node_that_fails_says_why(world: World) -> None:
    failed = node(world, NodePhase.FAILED, failure=Failure("USER:ValueError", "ValueError: no"))
    assert await lines_of(world, failed) == [f"n0 {DOUBLE} FAILED in 0.00 s: ValueError: no"]


async def test_lines_of_several_executions_name_theirs(world: World) -> None:
    first, second = await world.create(name="first"), await world.create(name="second")
    stream = io.StringIO()
    views = [await world.admin.view(execution) for execution in (first, second)]
    with reports.PlainReport(views, stream) as report:
        report.changed(second, [node(world, NodePhase.RUNNING), views[1].record])
    assert stream.getvalue() == f"second n0 {DOUBLE} RUNNING\nsecond QUEUED\n"


async def drawn(world: World, flow: object, height: int, *changes: Change) -> str:
    """What the live tree shows of an execution after changes."""
    await world.store.open()
    execution = await world.create(flow)
    tree = livetrees.Drawing(await world.admin.view(execution))
    for change in changes:
        tree.change(change, {})
    console = Console(file=io.StringIO(), width=100)
    for line in tree.lines(height, world.clock.now()):
        console.print(line)
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


async def test_the_tree_shows_every_node_if_there_is_room(world: World) -> None:
    text = await drawn(world, specimens.nested, 20, node(world, NodePhase.RUNNING))
    assert [line.split()[1] for line in text.splitlines()[1:]] == ["n0", "n0", "n1", "n2", "n1"]


async def test_the_tree_shows_what_matters_if_there_is_no_room(world: World) -> None:
    failed = node(world, NodePhase.FAILED, "n1", failure=Failure("USER:ValueError", "ValueError: no"))
    done = [node(world, NodePhase.SUCCEEDED, name) for name in ("n0", "n0/n0", "n0/n1", "n0/n2")]
    text = await drawn(world, specimens.nested, 4, *done, failed)
    assert "✗ n1" in text
    assert "ValueError: no" in text
    assert "3 more nodes not shown; of all 5: 1 failed, 4 succeeded" in text


async def test_the_tree_shows_how_the_execution_stands(world: World) -> None:
    record = (await world.admin.view(await world.create(name="other"))).record
    ended = msgspec.structs.replace(record, phase=ExecutionPhase.SUCCEEDED)
    assert "SUCCEEDED" in (await drawn(world, specimens.both, 20, ended)).splitlines()[0]


def element(world: World, index: int, phase: NodePhase, why: str = "") -> NodeRecord:
    failure = Failure("USER:ValueError", why) if why else None
    return node(world, phase, f"n0/{index}", spec_node_id=str(index), parent="n0", failure=failure)


def array(world: World, count: int, phase: NodePhase = NodePhase.RUNNING) -> NodeRecord:
    return node(world, phase, element_count=count)


async def test_a_long_array_is_told_by_tenths_and_its_first_failures(world: World) -> None:
    ended: list[Change] = [
        element(
            world, index, NodePhase.FAILED if index < 8 else NodePhase.SUCCEEDED, "no" if index < 8 else ""
        )
        for index in range(1_000)
    ]
    lines = await lines_of(world, array(world, 1_000), *ended, array(world, 1_000, NodePhase.SUCCEEDED))
    assert lines[1:6] == [f"n0/{index} FAILED in 0.00 s: no" for index in range(5)]
    assert lines[6] == f"n0 {DOUBLE} 1,000 elements: 8 failed, 92 succeeded, 900 not started"
    assert lines[-1] == f"n0 {DOUBLE} SUCCEEDED in 0.00 s; 1,000 elements: 8 failed, 992 succeeded"
    assert len(lines) == 1 + 5 + 9 + 1


async def test_elements_that_were_taken_over_are_counted_as_recovered(world: World) -> None:
    taken_over = [element(world, index, NodePhase.RECOVERED) for index in range(9)]
    execution = await world.create(specimens.mapped)
    await world.put(execution, *taken_over)
    stream = io.StringIO()
    report = reports.PlainReport([await world.admin.view(execution)], stream)
    report.changed(execution, [array(world, 20), element(world, 9, NodePhase.SUCCEEDED)])
    assert "20 elements: 9 recovered, 1 succeeded, 10 not started" in stream.getvalue()


async def test_an_element_that_is_told_again_or_too_late_is_counted_once(world: World) -> None:
    execution = await world.create(specimens.mapped)
    await world.put(execution, array(world, 20), element(world, 0, NodePhase.SUCCEEDED))
    stream = io.StringIO()
    report = reports.PlainReport([await world.admin.view(execution)], stream)
    again = [element(world, 0, phase) for phase in (NodePhase.SUCCEEDED, NodePhase.RUNNING)]
    report.changed(execution, [*again, element(world, 1, NodePhase.SUCCEEDED)])
    assert stream.getvalue() == f"n0 map of {DOUBLE} 20 elements: 2 succeeded, 18 not started\n"


async def test_elements_that_a_server_names_before_their_array_are_summed_up_too(world: World) -> None:
    execution = await world.create(specimens.mapped)
    stream = io.StringIO()
    report = reports.PlainReport([await world.admin.view(execution)], stream)
    ended = [element(world, index, NodePhase.SUCCEEDED) for index in range(20)]
    report.changed(execution, [*ended, array(world, 20, NodePhase.SUCCEEDED)])
    lines = stream.getvalue().splitlines()
    assert len(lines) == 9 + 1
    assert lines[-1] == f"n0 map of {DOUBLE} SUCCEEDED in 0.00 s; 20 elements: 20 succeeded"


async def test_a_short_array_is_told_as_any_nodes_are(world: World) -> None:
    changes = [array(world, 2), element(world, 1, NodePhase.SUCCEEDED)]
    lines = await lines_of(world, *changes, flow=specimens.mapped)
    assert lines[1] == f"n0/1 {DOUBLE} SUCCEEDED in 0.00 s"


async def test_what_runs_under_an_element_of_a_long_array_is_not_told(world: World) -> None:
    deep = node(world, NodePhase.RUNNING, "n0/3/dn0", parent="n0/3")
    assert len(await lines_of(world, array(world, 1_000), deep)) == 1


async def test_notes_of_a_long_array_are_no_more_than_its_failures(world: World) -> None:
    waiting = [
        msgspec.structs.replace(attempt(world, AttemptPhase.QUEUED, reason="no slot"), node_id=f"n0/{index}")
        for index in range(20)
    ]
    assert len(await lines_of(world, array(world, 1_000), *waiting)) == 1 + 5


async def test_the_tree_sums_a_long_array_up(world: World) -> None:
    changes = [
        array(world, 1_000),
        element(world, 0, NodePhase.SUCCEEDED),
        element(world, 1, NodePhase.RUNNING),
        *(element(world, index, NodePhase.FAILED, "ValueError: no") for index in range(2, 12)),
    ]
    text = await drawn(world, specimens.both, 40, *changes)
    assert "1,000 elements: 10 failed, 1 running, 1 succeeded, 988 not started" in text.replace("\n", " ")
    assert text.count("    ✗ ") == 5


async def test_nodes_that_only_the_run_makes_are_called_by_what_their_records_say(world: World) -> None:
    changes = [
        node(world, NodePhase.DYNAMIC_RUNNING, "n1"),
        node(world, NodePhase.DYNAMIC_RUNNING),
        future(world, "dn0", "flows.load"),
        future(world, "dn1", "dn1", taken="dn2"),
        future(world, "dn3", "map of flows.add", element_count=2),
        node(world, NodePhase.RUNNING, "n0/dn3/1", spec_node_id="1", parent="n0/dn3"),
    ]
    lines = await lines_of(world, *changes)
    assert lines[-4:] == [
        "n0/dn0 flows.load RUNNING",
        "n0/dn1 branch RUNNING",
        "n0/dn3 map of flows.add RUNNING",
        "n0/dn3/1 flows.add RUNNING",
    ]
    text = await drawn(World(), specimens.both, 40, *changes)
    rows = [line.split("●")[1].split("  ")[0].strip() for line in text.splitlines() if "●" in line]
    assert rows == [
        f"n0 {DOUBLE}",
        "dn0 flows.load",
        "dn1 branch",
        "dn3 map of flows.add",
        "1 flows.add",
        f"n1 {DOUBLE}",
    ]


def future(world: World, own: str, name: str, **fields: object) -> NodeRecord:
    return node(world, NodePhase.RUNNING, f"n0/{own}", spec_node_id=own, parent="n0", name=name, **fields)


def test_what_an_array_that_was_taken_over_did_without_is_not_told_as_to_come() -> None:
    counts = {str(NodePhase.RECOVERED): 11}
    assert elements.summed(counts, 12, is_taken_over=True) == "12 elements: 11 recovered, 1 failed before"
    assert elements.summed(counts, 12) == "12 elements: 11 recovered, 1 not started"
