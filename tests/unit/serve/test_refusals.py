"""Whatever can't be answered is one JSON object with a code and a sentence, and the status that belongs to the code."""

import asyncio
import logging
from typing import Any

import pytest

from elevon import errors
from elevon.admin.executions import Admin
from elevon.serve import bodies
from tests.unit.admin.wire.specimens import creation
from tests.unit.serve.worlds import HttpWorld

EXECUTIONS = "/api/v1/executions"
LISTED = f"{EXECUTIONS}/default/development"


@pytest.mark.parametrize(
    ("method", "target", "status", "sentence"),
    [
        ("GET", "/nowhere", 404, "there is nothing at /nowhere"),
        ("GET", f"{LISTED}/", 404, "there is nothing at"),
        ("DELETE", EXECUTIONS, 405, "DELETE is nothing that /api/v1/executions does"),
        ("GET", f"{LISTED}/a1", 404, "there is no execution default:development:a1"),
        ("GET", f"{EXECUTIONS}/other/development", 400, "there is no project 'other'"),
        ("GET", f"{LISTED}?colour=red", 400, "has no parameter 'colour'"),
        ("GET", f"{LISTED}?limit=1&limit=2", 400, "'limit' is given twice"),
        ("GET", f"{LISTED}?limit=-1", 400, "limit '-1' is no number"),
        ("GET", f"{LISTED}?limit=99999999999", 400, "is no number from 0 to 2147483647"),
        ("GET", f"{LISTED}?limit={'9' * 5000}", 400, "is no number"),
        ("GET", f"/api/v1/node_executions/default/development/a1?token={'9' * 5000}", 400, "token '999"),
        ("GET", "/elevon/v1/executions/a1/updates?after=9223372036854775808", 400, "is no number"),
        ("GET", "/elevon/v1/executions/a1/logs?offset=4294967296", 404, "there is no execution"),
        ("GET", f"{LISTED}?sort_by.direction=UP", 400, "sort_by.direction 'UP'"),
        ("GET", "/elevon/v1/executions/a1/updates?wait=soon", 400, "wait 'soon' is no span"),
        ("GET", "/elevon/v1/executions/a1?history=maybe", 400, "history 'maybe' is neither true nor false"),
        ("GET", "/elevon/v1/executions/a1/logs", 404, "there is no execution"),
    ],
)
async def test_what_is_not_there_is_named(
    world: HttpWorld, method: str, target: str, status: int, sentence: str
) -> None:
    answer = await world.ask(method, target)
    assert (answer.status, set(answer.document)) == (status, {"code", "message"})
    assert sentence in answer.document["message"]


async def test_a_method_that_there_is_not_names_those_there_are(world: HttpWorld) -> None:
    answer = await world.ask("DELETE", EXECUTIONS)
    assert set(answer.headers["allow"].split(", ")) == {"POST", "PUT"}


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"{", "the body is no JSON: Expecting property name"),
        (b"\xff", "the body is no JSON: "),
        (b'{"name": "a", "name": "b"}', "the body is no JSON: the name 'name' stands twice in one object"),
        (b"[1]", "the body: ExecutionCreateRequest must be an object, got [1]"),
        (b"null", "the body: ExecutionCreateRequest must be an object, got None"),
        (b'{"nme": "a"}', "the body: ExecutionCreateRequest has no field 'nme': did you mean 'name'?"),
        (
            b'{"spec": {"launchPlan": 3}}',
            "ExecutionCreateRequest.spec.launch_plan must be an Identifier, got 3",
        ),
        (
            b'{"spec": {"maxParallelism": "many"}}',
            "ExecutionCreateRequest.spec.max_parallelism must be a whole number of 32 bits, got 'many'",
        ),
        (
            b'{"inputs": {"literals": {"x": {"scalar": {"primitive": {"integer": true}}}}}}',
            "ExecutionCreateRequest.inputs.literals['x'].scalar.primitive.integer must be a whole number",
        ),
        (
            b'{"inputs": {"literals": {"x": {"scalar": {"primitiv": {"integer": 1}}}}}}',
            "inputs.literals['x'].scalar has no field 'primitiv': did you mean 'primitive'?",
        ),
        (b"[" * 100_000, "the body is no JSON: "),
    ],
)
async def test_a_body_that_is_no_message_names_the_field(
    world: HttpWorld, body: bytes, sentence: str
) -> None:
    answer = await world.ask("POST", EXECUTIONS, body, content_type="application/json")
    assert (answer.status, answer.document["code"]) == (400, "USER:BadRequest")
    assert sentence in answer.document["message"]
    assert "\n" not in answer.document["message"]


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"{", "the body is no JSON"),
        (b"{}", "closure"),
        (b'{"closure": 7}', "closure"),
        (b'{"closure": "!"}', "closure"),
        (b'{"closure": "", "vresion": "1"}', "vresion"),
        (b'{"x":' + b"[" * 100_000, "`x`"),
    ],
)
async def test_a_body_that_is_no_struct_names_the_field(world: HttpWorld, body: bytes, sentence: str) -> None:
    answer = await world.ask("POST", "/elevon/v1/launch_plans", body, content_type="application/json")
    assert (answer.status, sentence in answer.document["message"]) == (400, True)


async def test_a_body_that_is_no_protobuf_is_refused(world: HttpWorld) -> None:
    answer = await world.ask("POST", EXECUTIONS, b"\xff", content_type="application/octet-stream")
    assert (answer.status, "as protobuf writes it" in answer.document["message"]) == (400, True)


@pytest.mark.parametrize("target", [EXECUTIONS, "/elevon/v1/launch_plans"])
async def test_a_body_of_a_type_that_any_page_can_send_is_refused(world: HttpWorld, target: str) -> None:
    answer = await world.ask("POST", target, b"{}", content_type="text/plain")
    assert (answer.status, "takes application/json" in answer.document["message"]) == (415, True)


@pytest.mark.parametrize(
    ("target", "limit"),
    [(EXECUTIONS, bodies.LIMIT_BYTES), ("/elevon/v1/launch_plans", bodies.LARGE_LIMIT_BYTES)],
)
async def test_a_body_that_is_too_large_is_refused_as_it_comes(
    world: HttpWorld, target: str, limit: int
) -> None:
    answer = await world.ask("POST", target, b" " * (limit + 1), content_type="application/json")
    assert answer.status == 413
    assert f"larger than {limit >> 20} MiB, which is all that {target} takes" in answer.document["message"]


@pytest.mark.parametrize("host", ["elevon.example", "127.0.0.1.example:7380", "", "[::2]:7380"])
async def test_a_request_for_another_host_is_refused(world: HttpWorld, host: str) -> None:
    await world.create()
    answer = await world.ask("DELETE", f"{LISTED}/a1", host=host)
    assert (answer.status, "is not this server's" in answer.document["message"]) == (421, True)
    assert not world.engines.heed_count


@pytest.mark.parametrize("host", ["localhost", "LocalHost:80", "127.0.0.1:7380", "[::1]:7380", "[::1]"])
async def test_a_request_for_this_machine_is_answered(world: HttpWorld, host: str) -> None:
    assert (await world.ask("GET", "/healthz", host=host)).status == 200


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.UserError("no"), 400),
        (errors.NonRecoverable("no"), 412),
        (errors.NotFoundError("no"), 404),
        (errors.ConflictError("no"), 409),
        (errors.QuotaError("no"), 429),
        (errors.RetryableError("no"), 503),
        (errors.UnavailableError("no"), 503),
        (errors.CorruptStateError("no"), 500),
        (errors.BugError("no"), 500),
    ],
)
async def test_each_error_has_its_status_and_its_code(
    world: HttpWorld, monkeypatch: pytest.MonkeyPatch, error: errors.ElevonError, status: int
) -> None:
    monkeypatch.setattr(Admin, "get", raising(error))
    answer = await world.ask("GET", f"{LISTED}/a1")
    assert (answer.status, answer.document) == (
        status,
        {"code": errors.policy_of(error).code, "message": "no"},
    )
    assert type(errors.from_code(**answer.document)) is type(error)


def raising(error: BaseException) -> Any:
    async def raise_it(*_: Any) -> None:
        raise error

    return raise_it


async def test_a_bug_is_told_to_the_log_and_not_to_the_client(
    world: HttpWorld, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    monkeypatch.setattr(Admin, "get", raising(ZeroDivisionError("hidden")))
    answer = await world.ask("GET", f"{LISTED}/a1")
    assert (answer.status, answer.document["code"]) == (500, "SYSTEM:Unexpected")
    assert "hidden" not in answer.document["message"]
    (record,) = caplog.records
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], ZeroDivisionError)


async def test_a_request_that_is_given_up_is_answered(
    world: HttpWorld, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Admin, "get", raising(asyncio.CancelledError()))
    answer = await world.ask("GET", f"{LISTED}/a1")
    assert (answer.status, answer.document["code"]) == (503, "SYSTEM:Unavailable")
    assert "this server is being ended" in answer.document["message"]
    assert not caplog.records


async def test_a_taken_name_is_a_conflict(world: HttpWorld) -> None:
    plan = await world.register()
    binary = {"content_type": "application/octet-stream"}
    assert (await world.ask("POST", EXECUTIONS, creation(plan).SerializeToString(), **binary)).status == 200
    answer = await world.ask("POST", EXECUTIONS, creation(plan, x=2).SerializeToString(), **binary)
    assert (answer.status, answer.document["code"]) == (409, "SYSTEM:Conflict")
