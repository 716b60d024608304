"""What is at which path, in protobuf's JSON mapping or in binary."""

import base64

import msgspec
from google.protobuf import json_format

from elevon.admin.snapshots import Snapshot
from elevon.admin.wire.extensions import Update
from elevon.idl.admin_messages import Execution, LaunchPlan
from elevon.records.identities import AttemptId
from elevon.records.phases import AttemptPhase, ExecutionPhase
from tests.unit.admin import specimens
from tests.unit.admin.wire.specimens import creation, registration
from tests.unit.serve.worlds import HttpWorld

EXECUTIONS = "/api/v1/executions"
ONE = f"{EXECUTIONS}/default/development/a1"


async def test_a_workflow_is_registered_and_started_in_json(world: HttpWorld) -> None:
    sent = registration()
    body = {
        "closure": base64.b64encode(sent.closure).decode(),
        "default_inputs": base64.b64encode(sent.default_inputs).decode(),
        "version": "v1",
    }
    registered = await world.ask("POST", "/elevon/v1/launch_plans", body)
    plan = registered.document["id"]
    assert plan == {
        "resourceType": "LAUNCH_PLAN",
        "project": "default",
        "domain": "development",
        "name": plan["name"],
        "version": "v1",
    }
    request = {
        "name": "a1",
        "spec": {"launchPlan": plan},
        "inputs": {"literals": {"x": {"scalar": {"primitive": {"integer": "5"}}}}},
    }
    created = await world.ask("POST", EXECUTIONS, request)
    assert created.document == {"id": {"project": "default", "domain": "development", "name": "a1"}}
    found = (await world.ask("GET", ONE)).document
    assert (found["closure"]["phase"], found["spec"]["launchPlan"]) == ("QUEUED", plan)
    data = (await world.ask("GET", "/api/v1/data/executions/default/development/a1")).document
    assert data["fullInputs"]["literals"]["x"] == {"scalar": {"primitive": {"integer": "5"}}}


async def test_messages_travel_in_binary_where_that_is_asked_for(world: HttpWorld) -> None:
    request = creation(await world.register())
    binary = {"content_type": "application/octet-stream", "accept": "application/octet-stream"}
    assert (await world.ask("PUT", EXECUTIONS, request.SerializeToString(), **binary)).status == 200
    answer = await world.ask("GET", ONE, accept="application/json;q=0.5, application/x-protobuf")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert Execution.FromString(answer.body).id.name == "a1"


async def test_names_of_fields_may_be_those_of_the_proto(world: HttpWorld) -> None:
    request = creation(await world.register())
    body = json_format.MessageToDict(request, preserving_proto_field_name=True)
    assert "launch_plan" in body["spec"]
    assert (await world.ask("POST", EXECUTIONS, body)).status == 200


async def test_a_list_takes_what_flytes_gateway_takes(world: HttpWorld) -> None:
    for name in ("a1", "a2"):
        await world.create(name=name)
    query = "limit=1&filters=eq(phase%2CQUEUED)&sort_by.key=created_at&sort_by.direction=DESCENDING"
    first = (await world.ask("GET", f"{EXECUTIONS}/default/development?{query}")).document
    second = (
        await world.ask("GET", f"{EXECUTIONS}/default/development?{query}&token={first['token']}")
    ).document
    names = [one["id"]["name"] for page in (first, second) for one in page["executions"]]
    assert (names, "token" in second) == (["a2", "a1"], False)


async def test_an_abort_carries_its_cause_and_who_asks(world: HttpWorld) -> None:
    execution = await world.create()
    answer = await world.ask("DELETE", ONE, {"cause": "enough"}, elevon_by="ada (pid 7)")
    assert answer.document == {}
    await world.store.acquire_lease(execution, "owner", world.clock.now() + specimens.DAY, world.clock.now())
    (request,) = await world.store.list_requests("owner")
    assert (request.by, request.reason) == ("ada (pid 7)", "enough")


async def test_an_abort_needs_no_body(world: HttpWorld) -> None:
    execution = await world.create()
    assert (await world.ask("DELETE", ONE)).status == 200
    await world.store.acquire_lease(execution, "owner", world.clock.now() + specimens.DAY, world.clock.now())
    (request,) = await world.store.list_requests("owner")
    assert (request.by, request.reason) == ("somebody at 127.0.0.1", "no reason was given")


async def test_nodes_and_attempts_are_below_their_execution(world: HttpWorld) -> None:
    await world.commit(specimens.attempt(AttemptPhase.RUNNING))
    nodes = await world.ask("GET", "/api/v1/node_executions/default/development/a1?limit=5")
    assert nodes.document == {}
    attempts = await world.ask("GET", "/api/v1/task_executions/default/development/a1/n0")
    assert [one["closure"]["phase"] for one in attempts.document["taskExecutions"]] == ["RUNNING"]
    nested = await world.ask("GET", "/api/v1/task_executions/default/development/a1/n0/n1")
    assert "has no node 'n0/n1'" in nested.document["message"]


async def test_a_launch_plan_is_found_by_version_or_as_the_newest(world: HttpWorld) -> None:
    plan = await world.register(version="v1")
    for path in (
        f"launch_plans/default/development/{plan.id.name}/v1",
        f"active_launch_plans/default/development/{plan.id.name}",
    ):
        found = await world.ask("GET", f"/api/v1/{path}", accept="application/octet-stream")
        assert LaunchPlan.FromString(found.body) == plan


async def test_rows_changes_and_logs_are_below_our_own_prefix(world: HttpWorld) -> None:
    execution = await world.commit(specimens.attempt(AttemptPhase.RUNNING))
    world.engines.logs[AttemptId(execution, "n0", 0), "stdout"] = b"one\ntwo\n"
    rows = await world.ask("GET", "/elevon/v1/executions/a?history=false")
    assert msgspec.json.decode(rows.body, type=Snapshot) == await world.admin.snapshot(
        execution, is_history_wanted=False
    )
    update = await world.ask("GET", "/elevon/v1/executions/a1/updates?after=0&wait=0.0")
    assert msgspec.json.decode(update.body, type=Update).execution.id == execution
    streams = await world.ask("GET", "/elevon/v1/executions/a1/streams?node=n0&attempt=0")
    assert streams.document == {"streams": ["stdout"]}
    log = await world.ask("GET", "/elevon/v1/executions/a1/logs?node=n0&attempt=0&stream=stdout&offset=4")
    assert log.body == b"two\n"


async def test_operators_find_what_they_need_below_our_own_prefix(world: HttpWorld) -> None:
    execution = await world.commit(specimens.attempt(AttemptPhase.RUNNING))
    prefix = "/elevon/v1/executions"
    assert (await world.ask("GET", f"{prefix}/a/record")).document["id"]["name"] == "a1"
    order = {"kind": "FAIL", "node": "n0", "reason": "stuck"}
    asked = await world.ask("POST", f"{prefix}/a1/orders", order, elevon_by="ada (pid 7)")
    assert (asked.document["node_id"], asked.document["attempt"]) == ("n0", 0)
    (request,) = await world.store.list_requests("owner")
    assert (request.by, request.reason) == ("ada (pid 7)", "stuck")
    standing = (await world.ask("GET", f"{prefix}/a1/orders?node=n0&attempt=0")).document
    assert (standing["is_obeyed"], standing["record"]["phase"]) == (False, "RUNNING")
    assert (await world.ask("PUT", f"{prefix}/a1/resumption")).document["id"]["name"] == "a1"
    assert world.engines.resumed == [execution]
    refused = await world.ask("DELETE", f"{prefix}/a1")
    assert (refused.status, "has not ended" in refused.document["message"]) == (400, True)


async def test_what_has_ended_is_recovered_removed_and_pruned_over_http(world: HttpWorld) -> None:
    for name in ("a1", "b1"):
        await world.drive(await world.create(name=name), ExecutionPhase.FAILED, n0=2, n1=None)
    again = await world.ask("POST", "/elevon/v1/executions/a1/recoveries", {"name": "a2"})
    assert again.document["recovered_from"] == "a1"
    kept = await world.ask("DELETE", "/elevon/v1/executions/a1")
    assert (kept.status, "was recovered from a1" in kept.document["message"]) == (409, True)
    assert (await world.ask("DELETE", "/elevon/v1/executions/b1")).document == {"deleted": ["b1"]}
    pruned = (await world.ask("POST", "/elevon/v1/prunings", {"older_than_s": 0})).document
    assert pruned == {"executions": [], "launch_plans": []}
    wrong = await world.ask("POST", "/elevon/v1/prunings", {"older_than": 0})
    assert (wrong.status, "older_than" in wrong.document["message"]) == (400, True)


async def test_executors_are_shown_and_types_drained_over_http(world: HttpWorld) -> None:
    listed = (await world.ask("GET", "/elevon/v1/executors")).document
    assert [one["description"]["id"] for one in listed["executors"]] == ["echo", "sleep"]
    drained = await world.ask("PUT", "/elevon/v1/drains/sleep", {"reason": "new"}, elevon_by="ada")
    assert (drained.document["drain"]["by"], drained.document["drain"]["reason"]) == ("ada", "new")
    shown = (await world.ask("GET", "/elevon/v1/executors/sleep")).document
    assert [one["reason"] for one in shown["drains"]] == ["new"]
    assert (await world.ask("DELETE", "/elevon/v1/drains/sleep")).document == {"task_type": "sleep"}
    assert (await world.ask("DELETE", "/elevon/v1/drains/sleep")).status == 400


async def test_flytes_own_calls_relaunch_and_recover(world: HttpWorld) -> None:
    await world.ask("POST", EXECUTIONS, json_format.MessageToDict(creation(await world.register(), x=5)))
    a1 = {"project": "default", "domain": "development", "name": "a1"}
    again = await world.ask("POST", f"{EXECUTIONS}/relaunch", {"id": a1, "name": "a2"})
    assert again.document["id"]["name"] == "a2"
    data = (await world.ask("GET", "/api/v1/data/executions/default/development/a2")).document
    assert data["fullInputs"]["literals"]["x"] == {"scalar": {"primitive": {"integer": "5"}}}
    early = await world.ask("POST", f"{EXECUTIONS}/recover", {"id": a1})
    assert (early.status, "has not failed, it is QUEUED" in early.document["message"]) == (400, True)
    await world.drive(world.engines.taken_up[0], ExecutionPhase.FAILED, n0=10, n1=None)
    recover = {"id": a1, "name": "a3"}
    assert (await world.ask("POST", f"{EXECUTIONS}/recover", recover)).status == 200
    assert (await world.ask("POST", f"{EXECUTIONS}/recover", recover)).status == 200, "sent again"
    found = (await world.ask("GET", f"{EXECUTIONS}/default/development/a3")).document
    assert found["spec"]["metadata"]["referenceExecution"]["name"] == "a1"
    for path, body in (
        ("relaunch", {"id": a1, "overwriteCache": True}),
        ("recover", {"id": a1, "metadata": {"nesting": 2}}),
    ):
        refused = await world.ask("POST", f"{EXECUTIONS}/{path}", body)
        assert (refused.status, "leave it out" in refused.document["message"]) == (400, True)


async def test_probes_tell_a_supervisor(world: HttpWorld) -> None:
    assert (await world.ask("GET", "/healthz")).document == {"status": "alive"}
    assert (await world.ask("GET", "/readyz")).document == {"status": "ready"}
    world.is_ready = False
    assert (await world.ask("GET", "/healthz")).status == 200
    answer = await world.ask("GET", "/readyz")
    assert (answer.status, answer.document["code"]) == (503, "SYSTEM:Unavailable")


async def test_figures_are_served_and_requests_are_among_them(world: HttpWorld) -> None:
    answer = await world.ask("GET", "/metrics")
    assert (answer.body, answer.headers["content-type"]) == (
        b"elevon_x 1.0\n",
        "text/plain; version=1; charset=utf-8",
    )
    await world.ask("GET", ONE)
    await world.ask("BREW", "/somewhere/else")
    counted = {family.name: family.samples for family in world.figures.snapshot()}
    labels = [dict(sample.labels) for sample in counted["elevon_http_requests"]]
    assert {"route": "/metrics", "method": "GET", "status": "200"} in labels
    assert {
        "route": f"{EXECUTIONS}/{{project}}/{{domain}}/{{name}}",
        "method": "GET",
        "status": "404",
    } in labels
    assert {"route": "none", "method": "none", "status": "404"} in labels


async def test_the_version_is_that_of_elevon(world: HttpWorld) -> None:
    answer = await world.ask("GET", "/api/v1/version")
    assert answer.document["controlPlaneVersion"]["Version"]
