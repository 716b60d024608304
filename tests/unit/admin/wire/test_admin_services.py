"""Flyte's admin service: what is asked on its messages is done, and what can't be done is refused by name."""

from collections.abc import Callable
from datetime import timedelta

import msgspec
import pytest

from elevon import errors
from elevon.admin.wire import executions
from elevon.idl import identifiers, literals
from elevon.idl.admin_messages import (
    ExecutionCreateRequest,
    ExecutionTerminateRequest,
    NodeExecutionListRequest,
    ObjectGetRequest,
    ResourceListRequest,
    Sort,
    TaskExecutionListRequest,
    WorkflowExecutionGetDataRequest,
    WorkflowExecutionGetRequest,
)
from elevon.idl.messages import ExecutionError, NodeExecution, ResourceType, TaskExecution, WorkflowExecution
from elevon.records.attempts import LogLink
from elevon.records.phases import AttemptPhase, ExecutionPhase
from tests.unit.admin import specimens
from tests.unit.admin.wire.specimens import IDENTIFIER, WireWorld, creation

GET = WorkflowExecutionGetRequest(id=IDENTIFIER)


async def test_a_registered_workflow_is_started_by_its_name(world: WireWorld) -> None:
    plan = await world.register()
    created = await world.service.create_execution(creation(plan, x=5))
    assert created.id == IDENTIFIER
    record = await world.admin.get(world.engines.taken_up[0])
    assert (record.id.name, record.source_path, record.max_parallelism) == ("a1", "/a/b.py", 7)
    assert await world.admin.code(record) == b"code"
    assert await world.admin.closure(record) == specimens.prepare(specimens.both).closure


async def test_without_a_version_the_newest_launch_plan_is_started(world: WireWorld) -> None:
    await world.register(version="v1")
    world.clock.instant += timedelta(seconds=1)
    newest = await world.register(version="v2")
    request = creation(newest)
    request.spec.launch_plan.version = ""
    await world.service.create_execution(request)
    assert (await world.service.get_execution(GET)).spec.launch_plan.version == "v2"


async def test_a_name_is_made_where_the_client_chose_none(world: WireWorld) -> None:
    created = await world.service.create_execution(creation(await world.register(), name=""))
    assert created.id.name.isalnum()


async def test_the_same_request_again_gives_the_same_execution(world: WireWorld) -> None:
    request = creation(await world.register())
    first = await world.service.create_execution(request)
    assert await world.service.create_execution(request) == first
    assert len(await world.admin.list_executions()) == 1


async def test_the_same_request_again_means_the_launch_plan_that_was_the_newest_then(
    world: WireWorld,
) -> None:
    request = creation(await world.register(version="v1"))
    request.spec.launch_plan.version = ""
    first = await world.service.create_execution(request)
    world.clock.instant += timedelta(seconds=1)
    await world.register(version="v2")
    assert await world.service.create_execution(request) == first
    assert len(await world.admin.list_executions()) == 1


async def test_another_workflow_under_a_name_that_is_taken_is_a_conflict(world: WireWorld) -> None:
    await world.service.create_execution(creation(await world.register()))
    request = creation(await world.register(specimens.nested))
    request.spec.launch_plan.version = ""
    with pytest.raises(errors.ConflictError, match="'a1' is taken"):
        await world.service.create_execution(request)


async def test_the_same_request_after_the_end_starts_nothing(world: WireWorld) -> None:
    request = creation(await world.register())
    await world.service.create_execution(request)
    await world.drive(world.engines.taken_up[0], ExecutionPhase.SUCCEEDED)
    await world.service.create_execution(request)
    assert len(world.engines.taken_up) == 1


async def test_another_request_under_a_name_that_is_taken_is_a_conflict(world: WireWorld) -> None:
    plan = await world.register()
    await world.service.create_execution(creation(plan))
    with pytest.raises(errors.ConflictError, match="'a1' is taken"):
        await world.service.create_execution(creation(plan, x=2))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda r: r.ClearField("spec"), "spec.launch_plan.name is missing"),
        (lambda r: setattr(r, "project", "other"), "there is no project 'other'"),
        (lambda r: setattr(r, "org", "acme"), "org: elevon does not honour that"),
        (lambda r: r.spec.labels.values.update({"a": "b"}), "spec.labels: elevon does not honour"),
        (lambda r: r.spec.metadata.reference_execution.SetInParent(), "spec.metadata.reference_execution"),
        (lambda r: setattr(r.spec.metadata, "mode", 1), "spec.metadata.mode is SCHEDULED"),
        (lambda r: setattr(r.spec, "max_parallelism", -1), "spec.max_parallelism is -1"),
        (
            lambda r: setattr(r.spec.launch_plan, "resource_type", ResourceType.TASK),
            "spec.launch_plan.resource_type is TASK",
        ),
        (lambda r: r.inputs.literals["z"].CopyFrom(literals.integer(1)), "there is no input 'z'"),
        (lambda r: r.inputs.literals["x"].CopyFrom(literals.string("no")), "input 'x': expected int"),
        (lambda r: setattr(r, "name", "Not A Name"), "is no name: use"),
    ],
)
async def test_what_does_not_fit_is_named_and_leaves_nothing(
    world: WireWorld, change: Callable[[ExecutionCreateRequest], object], sentence: str
) -> None:
    request = creation(await world.register())
    change(request)
    with pytest.raises(errors.UserError, match=sentence):
        await world.service.create_execution(request)
    assert not await world.admin.list_executions()


async def test_a_launch_plan_that_is_not_there_is_named(world: WireWorld) -> None:
    request = creation(await world.register())
    request.spec.launch_plan.name = "nothing"
    with pytest.raises(errors.NotFoundError, match="launch plan 'nothing'"):
        await world.service.create_execution(request)


async def test_what_nobody_can_run_is_not_created(world: WireWorld) -> None:
    request = creation(await world.register())
    world.engines.is_unable = True
    with pytest.raises(errors.UnavailableError, match="could not be initialized"):
        await world.service.create_execution(request)
    assert not await world.admin.list_executions()


async def test_an_execution_is_told_with_its_outputs(world: WireWorld) -> None:
    await world.service.create_execution(creation(await world.register(version="v1"), x=5))
    record = await world.admin.get(world.engines.taken_up[0])
    outputs = literals.literal_map({"o0": literals.integer(9)})
    ended = msgspec.structs.replace(
        record,
        phase=ExecutionPhase.SUCCEEDED,
        outputs=outputs.SerializeToString(),
        started_at=record.created_at + timedelta(seconds=1),
        ended_at=record.created_at + timedelta(seconds=3, microseconds=7),
    )
    await world.put(record.id, ended)
    found = await world.service.get_execution(GET)
    assert found.closure.phase == WorkflowExecution.SUCCEEDED
    assert found.closure.outputs.values == outputs
    assert found.closure.duration.ToTimedelta() == timedelta(seconds=2, microseconds=7)
    assert found.spec.launch_plan.resource_type == ResourceType.LAUNCH_PLAN
    assert found.closure.workflow_id.name == record.workflow
    data = await world.service.get_execution_data(WorkflowExecutionGetDataRequest(id=IDENTIFIER))
    assert data.full_outputs == outputs
    assert data.full_inputs.literals["x"] == literals.integer(5)


async def test_a_failed_execution_says_why(world: WireWorld) -> None:
    await world.drive(await world.create(), ExecutionPhase.FAILED)
    error = (await world.service.get_execution(GET)).closure.error
    assert (error.code, error.message) == ("USER:ValueError", "ValueError: no")
    assert error.kind == ExecutionError.SYSTEM


async def test_what_a_list_tells_of_an_execution_is_read_back(world: WireWorld) -> None:
    for name, phase in (("a1", ExecutionPhase.FAILED), ("a2", ExecutionPhase.SUCCEEDED)):
        await world.drive(await world.create(name=name), phase)
    await world.create(name="a3")
    listed = (await world.service.list_executions(ResourceListRequest())).executions
    told = [executions.record_of(message) for message in listed]
    for found, kept in zip(told, await world.admin.list_executions(), strict=True):
        for field in ("id", "workflow", "phase", "created_at", "started_at", "ended_at", "recovered_from"):
            assert getattr(found, field) == getattr(kept, field)


async def test_a_recovered_execution_names_the_one_that_it_is_of(world: WireWorld) -> None:
    failed = await world.create()
    await world.drive(failed, ExecutionPhase.FAILED)
    new = msgspec.structs.replace(specimens.prepare(specimens.both), name="a2")
    await world.admin.recover(failed, new)
    found = executions.message(await world.admin.find("a2"))
    assert executions.record_of(found).recovered_from == "a1"


async def test_a_list_comes_page_by_page_newest_first(world: WireWorld) -> None:
    for number in range(5):
        await world.create(name=f"a{number}")
    names: list[list[str]] = []
    token = ""
    while not names or token:
        page = await world.service.list_executions(ResourceListRequest(limit=2, token=token))
        names.append([one.id.name for one in page.executions])
        token = page.token
    assert names == [["a4", "a3"], ["a2", "a1"], ["a0"]]


async def test_a_list_is_filtered_by_phases(world: WireWorld) -> None:
    await world.create(name="a1")
    await world.drive(await world.create(name="a2"), ExecutionPhase.FAILED)
    for filters, expected in (
        ("eq(phase,FAILED)", ["a2"]),
        ("value_in(phase,QUEUED;FAILED)", ["a2", "a1"]),
        ("value_in(phase,QUEUED;FAILED)+eq(phase,queued)", ["a1"]),
    ):
        page = await world.service.list_executions(ResourceListRequest(filters=filters))
        assert [one.id.name for one in page.executions] == expected


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        (ResourceListRequest(filters="gt(created_at,1)"), "filter 'gt"),
        (ResourceListRequest(filters="eq(phase,RUNING)"), "did you mean 'RUNNING'"),
        (ResourceListRequest(filters="eq(phase,FAILED)+eq(phase,QUEUED)"), "leave no phase"),
        (ResourceListRequest(limit=1001), "limit 1001 is too large"),
        (ResourceListRequest(sort_by=Sort(key="phase")), "sort_by 'phase'"),
        (ResourceListRequest(token="gone"), "token 'gone'"),  # noqa: S106 - of a page
    ],
)
async def test_a_list_that_there_is_not_is_refused(
    world: WireWorld, request_: ResourceListRequest, sentence: str
) -> None:
    with pytest.raises(errors.UserError, match=sentence):
        await world.service.list_executions(request_)


async def test_an_abort_is_a_request_that_is_looked_at_at_once(world: WireWorld) -> None:
    execution = await world.create()
    await world.service.terminate_execution(ExecutionTerminateRequest(id=IDENTIFIER, cause="enough"), "me")
    await world.store.acquire_lease(execution, "owner", world.clock.now() + specimens.DAY, world.clock.now())
    (request,) = await world.store.list_requests("owner")
    assert (request.by, request.reason, world.engines.heed_count) == ("me", "enough", 1)


async def test_nodes_are_told_level_by_level(world: WireWorld) -> None:
    execution = await world.create(specimens.nested)
    await world.drive(execution, ExecutionPhase.RUNNING, n0=1, n0__n1=4)
    top = await world.service.list_node_executions(NodeExecutionListRequest(workflow_execution_id=IDENTIFIER))
    assert [(node.id.node_id, node.metadata.is_parent_node) for node in top.node_executions] == [("n0", True)]
    under = await world.service.list_node_executions(
        NodeExecutionListRequest(workflow_execution_id=IDENTIFIER, unique_parent_id="n0")
    )
    (node,) = under.node_executions
    assert (node.id.node_id, node.metadata.spec_node_id) == ("n0/n1", "n1")
    assert node.closure.phase == NodeExecution.SUCCEEDED
    assert node.closure.output_data.literals["o0"] == literals.integer(4)


async def test_attempts_are_told_in_the_words_of_the_wire(world: WireWorld) -> None:
    starting = specimens.attempt(
        AttemptPhase.STARTING,
        1,
        reason="waits",
        log_links=(LogLink("ui", "http://x"),),
        custom_info=b'{"a":1}',
    )
    await world.commit(specimens.attempt(AttemptPhase.KILLING), starting)
    request = TaskExecutionListRequest(
        node_execution_id=identifiers.node_execution(IDENTIFIER, "n0"), limit=1
    )
    first = await world.service.list_task_executions(request)
    request.token = first.token
    second = await world.service.list_task_executions(request)
    assert [one.closure.phase for one in first.task_executions] == [TaskExecution.RUNNING]
    (told,) = second.task_executions
    assert (told.closure.phase, told.id.retry_attempt, second.token) == (TaskExecution.QUEUED, 1, "")
    assert told.id.task_id.name.endswith("double")
    assert (told.closure.reason, told.closure.logs[0].uri) == ("waits", "http://x")
    assert told.closure.custom_info["a"] == 1


async def test_a_node_that_is_not_there_is_named(world: WireWorld) -> None:
    await world.create()
    request = TaskExecutionListRequest(node_execution_id=identifiers.node_execution(IDENTIFIER, "n9"))
    with pytest.raises(errors.NotFoundError, match="has no node 'n9': there are 'n0'"):
        await world.service.list_task_executions(request)


async def test_a_launch_plan_tells_what_it_takes(world: WireWorld) -> None:
    plan = await world.register()
    found = await world.service.get_launch_plan(ObjectGetRequest(id=plan.id))
    assert found == plan
    assert set(found.spec.default_inputs.parameters) == {"x", "y"}
