"""What Flyte has no call for: workflows that come whole, rows, changes and logs."""

import asyncio

import msgspec
import pytest

from elevon import errors
from elevon.admin.snapshots import Snapshot
from elevon.records.identities import AttemptId, ExecutionId
from elevon.records.nodes import NodeRecord
from elevon.records.phases import AttemptPhase, ExecutionPhase, NodePhase
from elevon.records.snapshots import ChangedNodes
from elevon.records.transitions import Transition
from elevon.testing.clocks import SimulatedClock
from tests.unit.admin import specimens
from tests.unit.admin.specimens import NOON
from tests.unit.admin.wire.specimens import WireWorld


async def test_the_same_workflow_registered_twice_is_one_launch_plan(world: WireWorld) -> None:
    first, second = await world.register(), await world.register(source_path="/elsewhere/b.py")
    assert first.id == second.id
    assert (await world.register(code=b"other code")).id.version != first.id.version


async def test_a_version_stands_for_one_thing(world: WireWorld) -> None:
    await world.register(version="v1")
    with pytest.raises(errors.ConflictError, match="v1 is registered already as something else"):
        await world.register(version="v1", code=b"other code")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"closure": b"\xff"}, "closure: it is no CompiledWorkflowClosure"),
        ({"closure": b""}, "closure: it holds no workflow"),
        ({"default_inputs": b"\xff"}, "default_inputs: it is no ParameterMap"),
        ({"version": "v" * 256}, "a version of 256 characters is too long"),
    ],
)
async def test_what_is_no_workflow_is_refused_by_field(
    world: WireWorld, changes: dict[str, bytes], sentence: str
) -> None:
    with pytest.raises(errors.UserError, match=sentence):
        await world.register(**changes)


async def test_a_workflow_is_compiled_again_here(world: WireWorld) -> None:
    closure = specimens.prepare(specimens.both).closure
    del closure.tasks[:]
    with pytest.raises(errors.UserError, match="double"):
        await world.register(closure=closure.SerializeToString())


async def test_a_workflow_of_types_that_nobody_serves_is_refused(world: WireWorld) -> None:
    world.engines.known = frozenset({"sleep"})
    with pytest.raises(errors.UserError, match="python-task"):
        await world.register()


async def test_a_snapshot_goes_over_a_wire_and_shows_the_same(world: WireWorld) -> None:
    execution = await world.create(specimens.nested)
    await world.drive(execution, ExecutionPhase.RUNNING, n0=1)
    sent = await world.extensions.snapshot("a", is_history_wanted=True)
    got = msgspec.json.decode(msgspec.json.encode(sent), type=Snapshot)
    assert got == sent
    assert got.view() == await world.admin.view(execution)


async def test_a_snapshot_says_whether_somebody_drives(world: WireWorld) -> None:
    execution = await world.commit()
    assert not (await world.extensions.snapshot(execution.name, is_history_wanted=False)).is_driven
    world.engines.alive.add("owner")
    assert (await world.extensions.snapshot(execution.name, is_history_wanted=False)).is_driven


def node(node_id: str) -> NodeRecord:
    return NodeRecord(node_id=node_id, spec_node_id=node_id, phase=NodePhase.RUNNING, started_at=NOON)


def moved(node_id: str) -> Transition:
    return Transition(node_id=node_id, phase="RUNNING", at=NOON, event="Begin")


async def test_an_update_holds_what_has_changed_since_the_last_one(world: WireWorld) -> None:
    first, second = specimens.attempt(AttemptPhase.RUNNING), node("n1")
    execution = await world.create()
    await world.put(execution, first, moved("n0"))
    before = await world.extensions.update(execution, 0, 0)
    assert (before.attempts, before.nodes) == ((first,), ())
    await world.put(execution, second, moved("n1"))
    after = await world.extensions.update(execution, before.after, 0)
    assert (after.attempts, after.nodes) == ((), (second,))


async def test_an_update_waits_for_news(world: WireWorld) -> None:
    execution = await world.create()
    waiting = asyncio.create_task(world.extensions.update(execution, 0, 30))
    await asyncio.sleep(0)
    await world.put(execution, specimens.attempt(AttemptPhase.RUNNING), moved("n0"))
    world.news.notice(execution, ())
    assert (await waiting).after == 1


async def test_an_update_does_not_wait_for_what_has_ended_or_when_the_server_ends(world: WireWorld) -> None:
    execution = await world.create()
    waiting = asyncio.create_task(world.extensions.update(execution, 0, 30))
    await asyncio.sleep(0)
    world.news.close()
    assert (await waiting).after == 0
    await world.drive(execution, ExecutionPhase.SUCCEEDED)
    assert (await world.extensions.update(execution, 0, 30)).execution.phase is ExecutionPhase.SUCCEEDED


async def test_much_that_has_changed_is_told_in_parts_without_a_rest(world: WireWorld) -> None:
    execution = await world.create()
    names = [f"n{number:04}" for number in range(2500)]
    await world.put(execution, *(change for name in names for change in (node(name), moved(name))))
    told: list[list[str]] = []
    after, has_more = 0, True
    while has_more:
        update = await world.extensions.update(execution, after, 0)
        told.append([one.node_id for one in update.nodes])
        after, has_more = update.after, update.has_more
    assert [name for part in told for name in part] == names
    assert max(len(part) for part in told) == 1000


def test_who_looks_on_takes_no_more_than_a_quarter_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        world = WireWorld()
        await world.store.open()
        execution = await world.create()
        await world.put(execution, node("n1"), moved("n1"))
        changes = world.admin.changes

        async def slow_changes(asked: ExecutionId, after: int, limit: int) -> ChangedNodes:
            await asyncio.sleep(0.1)
            return await changes(asked, after, limit)

        monkeypatch.setattr(world.admin, "changes", slow_changes)
        loop = asyncio.get_running_loop()
        for phase, seconds in ((ExecutionPhase.RUNNING, 0.4), (ExecutionPhase.SUCCEEDED, 0.1)):
            await world.drive(execution, phase)
            begun_at = loop.time()
            await world.extensions.update(execution, 0, 30)
            assert loop.time() - begun_at == pytest.approx(seconds)

    SimulatedClock().run(story())


def test_an_end_is_told_at_once_with_all_that_led_to_it() -> None:
    async def story() -> None:
        world = WireWorld()
        await world.store.open()
        execution = await world.create()
        await world.put(execution, node("n1"), moved("n1"))
        resting = asyncio.create_task(world.extensions.update(execution, 0, 30))
        loop = asyncio.get_running_loop()
        begun_at = loop.time()
        await asyncio.sleep(0.01)
        await world.put(execution, node("n2"), moved("n2"))
        await world.drive(execution, ExecutionPhase.SUCCEEDED)
        world.news.notice(execution, [await world.admin.get(execution)])
        update = await resting
        assert (update.execution.phase, update.nodes) == (ExecutionPhase.SUCCEEDED, (node("n1"), node("n2")))
        assert loop.time() - begun_at == pytest.approx(0.01)

    SimulatedClock().run(story())


async def test_logs_are_read_from_where_one_stopped(world: WireWorld) -> None:
    execution = await world.commit(specimens.attempt(AttemptPhase.RUNNING))
    attempt = AttemptId(execution, "n0", 0)
    world.engines.logs[attempt, "stdout"] = b"one\ntwo\n"
    assert await world.extensions.read_log(attempt, "stdout", 0) == b"one\ntwo\n"
    assert await world.extensions.read_log(attempt, "stdout", 4) == b"two\n"
    assert await world.extensions.read_log(attempt, "stderr", 0) == b""


async def test_the_output_of_further_containers_is_read_by_their_names(world: WireWorld) -> None:
    execution = await world.commit(specimens.attempt(AttemptPhase.RUNNING))
    attempt = AttemptId(execution, "n0", 0)
    world.engines.logs[attempt, "containers/side/stderr"] = b"why\n"
    (stream,) = (await world.extensions.streams(attempt)).streams
    assert await world.extensions.read_log(attempt, stream, 0) == b"why\n"


@pytest.mark.parametrize(
    "stream", ["containers/../stdout", "containers//stdout", "../stdout", "containers/a/b/stdout", "stdout\n"]
)
async def test_a_stream_is_in_the_folder_of_its_attempt(world: WireWorld, stream: str) -> None:
    execution = await world.commit(specimens.attempt(AttemptPhase.RUNNING))
    with pytest.raises(errors.UserError, match="is none: an attempt has stdout and stderr"):
        await world.extensions.read_log(AttemptId(execution, "n0", 0), stream, 0)


async def test_logs_of_nothing_are_refused(world: WireWorld) -> None:
    execution = await world.commit(specimens.attempt(AttemptPhase.RUNNING))
    with pytest.raises(errors.UserError, match="stream 'stdin' is none"):
        await world.extensions.read_log(AttemptId(execution, "n0", 0), "stdin", 0)
    with pytest.raises(errors.NotFoundError, match="has no attempt 3"):
        await world.extensions.read_log(AttemptId(execution, "n0", 3), "stdout", 0)
    with pytest.raises(errors.NotFoundError, match="has no attempt 3"):
        await world.extensions.streams(AttemptId(execution, "n0", 3))
    with pytest.raises(errors.NotFoundError):
        await world.extensions.read_log(AttemptId(execution, "../../n0", 0), "stdout", 0)
