"""The control plane of a home, as executors reach it."""

import pytest

from elevon.admin.executions import Admin
from elevon.app.control_planes import HomeControlPlane
from elevon.app.homes import Home
from elevon.records.executions import ExecutionRecord
from elevon.records.failures import Failure
from elevon.records.identities import ExecutionId
from elevon.records.leases import RequestKind
from elevon.records.phases import ExecutionPhase
from elevon.records.standings import ExecutionStanding
from elevon.stores.memory import MemoryStateStore
from elevon.testing.clocks import EPOCH, SimulatedClock

RUNS, FAILED, MISSING = (
    ExecutionId("default", "development", name) for name in ("runs", "failed", "missing")
)


@pytest.fixture
async def store():
    made = MemoryStateStore(SimulatedClock())
    await made.open()
    failure = Failure("USER:ValueError", "no such table")
    for record in (
        ExecutionRecord(id=RUNS, workflow="nightly", closure_digest="", created_at=EPOCH),
        ExecutionRecord(
            id=FAILED,
            workflow="hourly",
            closure_digest="",
            created_at=EPOCH,
            phase=ExecutionPhase.FAILED,
            failure=failure,
        ),
    ):
        await made.create_execution(record, {})
    return made


@pytest.fixture
def control_plane(store, tmp_path):
    return HomeControlPlane(Admin(store, SimulatedClock()), Home(tmp_path))


async def requests_of(store):
    await store.acquire_lease(RUNS, "e", EPOCH, EPOCH)
    await store.acquire_lease(FAILED, "e", EPOCH, EPOCH)
    return await store.list_requests("e")


async def test_standings_come_in_the_order_of_the_ids(control_plane, tmp_path):
    found = await control_plane.get_many([FAILED, MISSING, RUNS])
    assert found == [
        ExecutionStanding(
            id=FAILED,
            workflow="hourly",
            phase=ExecutionPhase.FAILED,
            message="no such table",
            link=(tmp_path / "data" / "default-development-failed").as_uri(),
        ),
        None,
        ExecutionStanding(
            id=RUNS,
            workflow="nightly",
            phase=ExecutionPhase.QUEUED,
            link=(tmp_path / "data" / "default-development-runs").as_uri(),
        ),
    ]


async def test_an_end_is_asked_for_by_a_request_that_waits_for_whoever_drives_it(control_plane, store):
    for _ in range(2):
        await control_plane.terminate(RUNS, "the waitable of x", "nobody waits any more")
    (request,) = await requests_of(store)
    assert (request.kind, request.by, request.reason) == (
        RequestKind.ABORT,
        "the waitable of x",
        "nobody waits any more",
    )


@pytest.mark.parametrize("execution", [FAILED, MISSING])
async def test_to_end_what_has_ended_or_is_not_there_is_fine(control_plane, store, execution):
    await control_plane.terminate(execution, "somebody", "whatever")
    assert not await requests_of(store)
