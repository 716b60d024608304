"""Qubole's service in trouble: each trouble ends in the right phase, with a message that says what to do."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from elevon import app, errors
from elevon.blobs.local_files import LocalBlobStore
from elevon.plugin import SetupContext
from elevon.primitives.clocks import SystemClock
from elevon.records.phases import AttemptPhase, ExecutionPhase
from elevon.tasktypes.hive.backends.qubole.backends import QuboleBackend
from elevon.tasktypes.hive.backends.qubole.clients import PAGE_LIMIT
from elevon.tasktypes.hive.configurations import HiveConfig, QuboleSettings
from tests.contract.hive.rigs import Token
from tests.integration.engine.worlds import driving, identity, until
from tests.integration.hive import worlds
from tests.integration.hive.qds.processes import QdsProcess
from tests.integration.hive.worlds import Rig


async def test_a_service_that_has_too_much_to_do_is_left_alone_as_long_as_it_wants(
    qubole_rig: Rig, service: QdsProcess
) -> None:
    service.misbehave(overloaded_count=3)
    record = await qubole_rig.run(worlds.select_seven)
    assert record.phase is ExecutionPhase.SUCCEEDED, record.failure
    assert len(qubole_rig.begun()) == 1


async def test_an_answer_that_is_lost_costs_no_second_query(qubole_rig: Rig, service: QdsProcess) -> None:
    service.misbehave(lost_count=1)
    record = await qubole_rig.run(worlds.select_seven)
    assert record.phase is ExecutionPhase.SUCCEEDED, record.failure
    assert len(qubole_rig.begun()) == 1


async def test_a_service_that_stays_down_fails_the_system_and_not_the_query(
    qubole_rig: Rig, service: QdsProcess
) -> None:
    service.misbehave(is_down=True)
    async with qubole_rig.engine() as embedded:
        execution = await qubole_rig.world.create(embedded, worlds.select_seven)
        async with driving(embedded, execution) as driven:
            await until(embedded, is_being_killed)
            service.misbehave()  # as long as it is down, nobody knows whether it has begun the query
            await driven
        record = await embedded.admin.get(execution)
    assert record.failure is not None
    assert record.failure.kind is errors.ErrorKind.SYSTEM
    assert "QDS answered 503" in record.failure.message
    assert qubole_rig.begun() == []


async def is_being_killed(embedded: app.Embedded) -> bool:
    view = await embedded.admin.view(identity())
    return any(one.phase is AttemptPhase.KILLING for node in view.walk() for one in node.attempts)


async def test_a_service_that_is_down_for_a_while_costs_nothing(qubole_rig: Rig, service: QdsProcess) -> None:
    async with qubole_rig.engine(failed_limit=1000) as embedded:
        execution = await qubole_rig.world.create(embedded, worlds.patient)
        async with driving(embedded, execution) as driven:
            await qubole_rig.until_begun(embedded, execution)
            service.misbehave(is_down=True)
            await embedded.admin.view(execution)
            service.misbehave()
            await embedded.admin.abort(execution, by="a test", reason="enough")
            await driven
    assert (len(qubole_rig.begun()), qubole_rig.running()) == (1, [])


async def test_a_command_that_the_service_has_forgotten_is_lost(qubole_rig: Rig, service: QdsProcess) -> None:
    async with qubole_rig.engine() as embedded:
        execution = await qubole_rig.world.create(embedded, worlds.patient)
        async with driving(embedded, execution) as driven:
            await qubole_rig.until_begun(embedded, execution)
            service.misbehave(forgets=True)
            await driven
        record = await embedded.admin.get(execution)
    assert record.failure is not None
    assert record.failure.kind is errors.ErrorKind.SYSTEM
    assert "the service has not known 1" in record.failure.message


async def test_a_command_that_somebody_kills_is_not_tried_again(qubole_rig: Rig, service: QdsProcess) -> None:
    async with qubole_rig.engine() as embedded:
        execution = await qubole_rig.world.create(embedded, worlds.patient)
        async with driving(embedded, execution) as driven:
            await qubole_rig.until_begun(embedded, execution)
            service.kill(1)
            await driven
        record = await embedded.admin.get(execution)
    assert record.failure is not None
    assert "cancelled by somebody at the service" in record.failure.message


async def test_a_token_that_is_refused_is_named(qubole_rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_FSEC_QUBOLE_API_TOKEN", "another")
    record = await qubole_rig.run(worlds.select_seven)
    assert record.failure is not None
    assert record.failure.kind is errors.ErrorKind.USER
    assert "QDS answered 401: Invalid Token" in record.failure.message
    assert "the secret qubole/api_token" in record.failure.message


async def test_a_cluster_that_is_not_there_is_refused_by_the_service_or_before(qubole_rig: Rig) -> None:
    record = await qubole_rig.run(worlds.select_seven, default_cluster_label="nowhere")
    assert record.failure is not None
    assert "Cluster with label 'nowhere' does not exist" in record.failure.message
    qubole_rig.world.home.path.rename(qubole_rig.world.home.path.with_name("before"))
    record = await qubole_rig.run(
        worlds.select_seven, default_cluster_label="nowhere", cluster_labels=["default", "etl"]
    )
    assert record.failure is not None
    assert "cluster_label: there is no cluster 'nowhere'" in record.failure.message
    assert qubole_rig.begun() == []


@pytest.fixture
async def crowded() -> AsyncIterator[QuboleBackend]:
    """A backend of a service that filters no names and has more commands than anybody looks through."""

    async def list_strangers(_request: web.Request) -> web.Response:
        strangers = [{"id": number, "status": "done", "name": "another's"} for number in range(PAGE_LIMIT)]
        return web.json_response({"commands": strangers})

    served = web.Application()
    served.router.add_get("/api/v1.2/commands", list_strangers)
    async with TestServer(served) as server:
        settings = QuboleSettings(base_url=str(server.make_url("")), search_pages=2)
        backend = QuboleBackend(
            SetupContext(
                config=HiveConfig(backend="qubole", qubole=settings),
                clock=SystemClock(),
                blobs=LocalBlobStore(),
                state_dir=Path("/nowhere"),
                secrets=Token(),
            )
        )
        await backend.open()
        yield backend
        await backend.close()


async def test_a_command_that_may_be_behind_the_pages_that_are_searched_is_not_sent_again(
    crowded: QuboleBackend,
) -> None:
    with pytest.raises(errors.MayHaveHappenedError):
        await crowded.find("token", "q1")
    with pytest.raises(errors.MayHaveHappenedError):
        await crowded.abandon("token", "q1")
