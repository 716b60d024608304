"""What the executor relies on, whoever runs the queries."""

import asyncio
from typing import Any

from elevon.primitives import ids
from elevon.tasktypes.hive.backends.interfaces import HiveBackend, Query, QueryPhase, QueryStatus
from tests.contract.hive.rigs import Rig


def query(text: str) -> Query:
    return Query(text=text, name="a0/n0", tags=("contract",))


async def begun(backend: HiveBackend, wanted: Query) -> tuple[str, Any, Any]:
    token = ids.new("t", 20)
    prepared = await backend.prepare(wanted, token)
    return token, prepared, await backend.submit(wanted, token, prepared)


async def followed(backend: HiveBackend, handle: Any, *wanted: QueryPhase) -> QueryStatus:
    """Its first status in one of these phases, or in an end."""
    while True:
        (status,) = await backend.statuses([handle])
        if status is not None and (status.phase in wanted or status.phase.is_terminal):
            return status
        await asyncio.sleep(0.02)


async def test_a_query_is_followed_to_its_end(rig: Rig, backend: HiveBackend) -> None:
    wanted = query(rig.quick)
    token, prepared, handle = await begun(backend, wanted)
    status = await followed(backend, handle)
    assert (status.phase, rig.submission_count(wanted)) == (QueryPhase.SUCCEEDED, 1)
    for _ in range(2):
        await backend.release(token, prepared, handle)


async def test_a_query_that_fails_says_why(rig: Rig, backend: HiveBackend) -> None:
    _, _, handle = await begun(backend, query(rig.failing))
    status = await followed(backend, handle)
    assert status.phase is QueryPhase.FAILED
    assert rig.complaint in status.message or not rig.runs_sql


async def test_submitting_returns_at_once_and_the_query_runs(rig: Rig, backend: HiveBackend) -> None:
    _, _, handle = await begun(backend, query(rig.slow))
    status = await followed(backend, handle, QueryPhase.RUNNING)
    assert status.phase is QueryPhase.RUNNING or not rig.runs_sql
    await backend.cancel(handle)


async def test_a_cancelled_query_has_ended_and_may_be_cancelled_again(rig: Rig, backend: HiveBackend) -> None:
    _, _, handle = await begun(backend, query(rig.slow))
    for _ in range(2):
        await backend.cancel(handle)
    (status,) = await backend.statuses([handle])
    assert status is None or status.phase in (QueryPhase.CANCELLED, QueryPhase.LOST)


async def test_a_query_that_has_ended_may_be_cancelled(rig: Rig, backend: HiveBackend) -> None:
    _, _, handle = await begun(backend, query(rig.quick))
    await followed(backend, handle)
    await backend.cancel(handle)


async def test_another_engine_follows_a_query_by_its_handle(rig: Rig, backend: HiveBackend) -> None:
    wanted = query(rig.slow)
    _, _, handle = await begun(backend, wanted)
    other = rig.backend()
    await other.open()
    try:
        await followed(other, handle, QueryPhase.RUNNING)
        await other.cancel(handle)
    finally:
        await other.close()
    (status,) = await backend.statuses([handle])
    assert status is None or status.phase in (QueryPhase.CANCELLED, QueryPhase.LOST)
    assert rig.submission_count(wanted) <= 1  # none if its process had not begun to work


async def test_what_was_begun_is_found_by_its_token_or_has_ended(rig: Rig, backend: HiveBackend) -> None:
    token, prepared, handle = await begun(backend, query(rig.slow))
    found = await backend.find(token, prepared)
    if found is None:  # then it was ended: nothing under the token runs, or ever will
        (status,) = await backend.statuses([handle])
        assert status is None or status.phase.is_terminal
    else:
        assert found == handle
        await backend.cancel(handle)


async def test_nothing_is_found_under_a_token_that_was_never_used(backend: HiveBackend) -> None:
    wanted, token = query("SELECT 1"), ids.new("t", 20)
    prepared = await backend.prepare(wanted, token)
    assert await backend.find(token, prepared) is None
    await backend.abandon(token, prepared)
    for _ in range(2):
        await backend.release(token, prepared, None)


async def test_what_was_abandoned_does_not_run(rig: Rig, backend: HiveBackend) -> None:
    token, prepared, handle = await begun(backend, query(rig.slow))
    for _ in range(2):
        await backend.abandon(token, prepared)
    (status,) = await backend.statuses([handle])
    assert status is None or status.phase.is_terminal


async def test_several_queries_are_asked_about_at_once(rig: Rig, backend: HiveBackend) -> None:
    quick = [(await begun(backend, query(f"{rig.quick}{' ' * count}")))[2] for count in range(3)]
    slow = (await begun(backend, query(rig.slow)))[2]
    for handle in quick:
        await followed(backend, handle)
    found = await backend.statuses([*quick, slow])
    assert [status.phase if status else None for status in found][:3] == [QueryPhase.SUCCEEDED] * 3
    assert found[3] is not None
    assert not found[3].phase.is_terminal
    await backend.cancel(slow)
