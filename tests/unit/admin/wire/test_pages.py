"""Lists come page by page, by tokens that mean nothing to a client; what is looked at is what has changed."""

from collections.abc import Sequence

import pytest

from elevon import errors
from elevon.admin.executions import Admin
from elevon.admin.wire.admin_services import AdminService
from elevon.idl import identifiers
from elevon.idl.admin_messages import (
    NodeExecution,
    NodeExecutionListRequest,
    ResourceListRequest,
    TaskExecutionListRequest,
)
from elevon.records.changes import Change
from elevon.records.identities import ExecutionId
from elevon.records.nodes import NodeRecord
from elevon.records.phases import AttemptPhase, ExecutionPhase, NodePhase
from elevon.records.snapshots import NodePlace, StoredExecution, StoredNodes
from elevon.records.transitions import Transition
from elevon.stores.memory import MemoryStateStore
from tests.unit.admin import specimens
from tests.unit.admin.specimens import NOON
from tests.unit.admin.wire.specimens import IDENTIFIER, WireWorld


class CountingStore(MemoryStateStore):
    """Counts the rows of nodes and attempts that it hands out.

    Attributes:
        row_count: So many.
    """

    row_count = 0

    async def load_execution(self, execution: ExecutionId) -> StoredExecution:
        found = await super().load_execution(execution)
        self.row_count += len(found.nodes) + len(found.attempts)
        return found

    async def load_nodes(self, execution: ExecutionId, node_ids: Sequence[str]) -> StoredNodes:
        found = await super().load_nodes(execution, node_ids)
        self.row_count += len(found.nodes) + len(found.attempts)
        return found

    async def list_nodes(
        self, execution: ExecutionId, parent: str, limit: int, behind: NodePlace | None = None
    ) -> Sequence[NodeRecord]:
        before = self.row_count
        found = await super().list_nodes(execution, parent, limit, behind)
        self.row_count = before + len(found)  # it looks at all, as no store does that has an index
        return found


def array(count: int) -> NodeRecord:
    return NodeRecord(
        node_id="n0", spec_node_id="n0", phase=NodePhase.RUNNING, element_count=count, started_at=NOON
    )


def element(number: int) -> NodeRecord:
    return NodeRecord(
        node_id=f"n0/{number}",
        spec_node_id=str(number),
        parent="n0",
        phase=NodePhase.SUCCEEDED,
        started_at=NOON,
    )


def begun(number: int) -> list[Change]:
    moved = Transition(node_id=f"n0/{number}", phase="SUCCEEDED", at=NOON, event="StatusReturned")
    return [element(number), moved]


async def elements_of(
    service: AdminService, token: str = "", limit: int = 2
) -> tuple[list[NodeExecution], str]:
    page = await service.list_node_executions(
        NodeExecutionListRequest(
            workflow_execution_id=IDENTIFIER, unique_parent_id="n0", limit=limit, token=token
        )
    )
    return list(page.node_executions), page.token


async def test_elements_of_an_array_come_page_by_page(world: WireWorld) -> None:
    execution = await world.create(specimens.mapped)
    await world.put(execution, array(3), *(element(number) for number in range(3)))
    first, token = await elements_of(world.service)
    second, last = await elements_of(world.service, token)
    assert [[one.id.node_id for one in page] for page in (first, second)] == [["n0/0", "n0/1"], ["n0/2"]]
    assert last == ""
    assert [one.metadata.is_parent_node for one in first] == [False, False]
    top = await world.service.list_node_executions(NodeExecutionListRequest(workflow_execution_id=IDENTIFIER))
    assert [(one.id.node_id, one.metadata.is_array) for one in top.node_executions] == [("n0", True)]
    none, _ = await elements_of(AdminService(world.admin, world.engines), limit=0)
    assert len(none) == 3, "no limit is that of a page"


async def test_nodes_that_a_task_made_are_told_under_it(world: WireWorld) -> None:
    execution = await world.create()
    made = await world.expand(execution, "n0", specimens.nested)
    inner = NodeRecord(
        node_id="n0/n0", spec_node_id="n0", parent="n0", phase=NodePhase.RUNNING, started_at=NOON
    )
    await world.put(execution, made, inner)
    (told,), _ = await elements_of(world.service)
    assert (told.id.node_id, told.metadata.is_parent_node, told.metadata.is_dynamic) == ("n0/n0", True, False)


async def test_a_token_outlives_the_server_that_gave_it(world: WireWorld) -> None:
    execution = await world.create(specimens.mapped)
    await world.put(execution, array(3), *(element(number) for number in range(3)))
    _, token = await elements_of(world.service)
    next_server = AdminService(Admin(world.store, world.clock), world.engines)
    (last,), _ = await elements_of(next_server, token)
    assert last.id.node_id == "n0/2"


async def test_a_page_goes_on_where_the_last_one_ended_whatever_came_meanwhile(world: WireWorld) -> None:
    execution = await world.create(specimens.mapped)
    await world.put(execution, array(3), element(1), element(2))
    _, token = await elements_of(world.service, limit=1)
    await world.put(execution, element(0))
    rest, _ = await elements_of(world.service, token)
    assert [one.id.node_id for one in rest] == ["n0/2"]


async def test_a_token_is_of_the_list_that_it_came_with(world: WireWorld) -> None:
    for name in ("a1", "a2"):
        execution = await world.create(specimens.mapped, name=name)
        await world.put(execution, array(3), *(element(number) for number in range(3)))
    _, token = await elements_of(world.service)
    executions = await world.service.list_executions(ResourceListRequest(limit=1))
    other = identifiers.execution("a2", project="default", domain="development")
    for refused in (
        world.service.list_node_executions(
            NodeExecutionListRequest(workflow_execution_id=IDENTIFIER, token=token)
        ),
        world.service.list_node_executions(
            NodeExecutionListRequest(workflow_execution_id=other, unique_parent_id="n0", token=token)
        ),
        world.service.list_task_executions(
            TaskExecutionListRequest(
                node_execution_id=identifiers.node_execution(IDENTIFIER, "n0"), token=token
            )
        ),
        world.service.list_executions(
            ResourceListRequest(filters="eq(phase,QUEUED)", token=executions.token)
        ),
    ):
        with pytest.raises(errors.UserError, match="is of another list: give it with the filters"):
            await refused


@pytest.mark.parametrize("token", ["1", "a1", "!", "kwGwZDkz", "ä", "9" * 100, "kwHApGFhYWE"])
async def test_what_is_no_token_is_refused(world: WireWorld, token: str) -> None:
    await world.create(specimens.mapped)
    with pytest.raises(errors.UserError, match="is none of elevon's: leave it out for the first page"):
        await elements_of(world.service, token)


async def test_a_list_that_goes_on_behind_what_was_deleted_is_refused(world: WireWorld) -> None:
    for name in ("a1", "a2"):
        await world.create(name=name)
    token = (await world.service.list_executions(ResourceListRequest(limit=1))).token
    await world.drive(ExecutionId("default", "development", "a2"), ExecutionPhase.FAILED)
    await world.admin.delete(ExecutionId("default", "development", "a2"))
    with pytest.raises(errors.UserError, match="was deleted: list anew"):
        await world.service.list_executions(ResourceListRequest(token=token))


@pytest.mark.parametrize(
    ("node_id", "hint"),
    [
        ("n7", "there is 'n0'"),
        ("n0/7", "did you mean 'n0/1'"),
        ("n0/x", "did you mean 'n0/1'"),
        ("n0/1/n0", "there are none"),
        ("n7/" * 9000 + "n0", "has no node"),
    ],
)
async def test_a_node_that_is_not_there_is_looked_for_no_deeper(
    world: WireWorld, node_id: str, hint: str
) -> None:
    execution = await world.create(specimens.mapped)
    await world.put(execution, array(3), element(1))
    request = NodeExecutionListRequest(workflow_execution_id=IDENTIFIER, unique_parent_id=node_id)
    with pytest.raises(errors.NotFoundError, match=hint):
        await world.service.list_node_executions(request)


async def test_a_page_reads_no_more_rows_than_it_tells() -> None:
    world = WireWorld(CountingStore)
    assert isinstance(world.store, CountingStore)
    await world.store.open()
    execution = await world.create(specimens.mapped)
    await world.put(execution, array(500), *(element(number) for number in range(500)))
    await world.put(execution, specimens.attempt(AttemptPhase.RUNNING))
    world.store.row_count = 0
    page, _ = await elements_of(world.service, limit=10)
    assert len(page) == 10
    node_id = identifiers.node_execution(IDENTIFIER, "n0/7")
    await world.service.list_task_executions(TaskExecutionListRequest(node_execution_id=node_id))
    assert world.store.row_count < 20


async def test_watchers_read_each_row_as_often_as_it_changes() -> None:
    world = WireWorld(CountingStore)
    assert isinstance(world.store, CountingStore)
    await world.store.open()
    execution = await world.create(specimens.mapped)
    watcher_count, element_count, batch = 10, 400, 20
    await world.put(execution, array(element_count))
    places = [0] * watcher_count
    for start in range(0, element_count, batch):
        await world.put(
            execution, *(change for number in range(start, start + batch) for change in begun(number))
        )
        for watcher, after in enumerate(places):
            update = await world.extensions.update(execution, after, 0)
            assert len(update.nodes) == batch
            places[watcher] = update.after
    assert world.store.row_count == watcher_count * element_count
