"""Nothing is left of a query that was cancelled, in whatever moment."""

import asyncio
import contextlib
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from elevon.plugin.contexts import Json
from elevon.plugin.transports import TransportError
from elevon.primitives import ids
from elevon.tasktypes.hive.backends.hiveserver2.backends import HiveServer2Backend
from elevon.tasktypes.hive.backends.hiveserver2.handles import Handle, query_of
from elevon.tasktypes.hive.backends.interfaces import Query, QueryPhase, QueryStatus
from tests.integration.hive.hiveserver2.backends import opened
from tests.integration.hive.hiveserver2.sharing import SharedServer, shared_server

# The first test of a run with the server waits until that has started; an ending is given time to be sure.
pytestmark = pytest.mark.timeout(400)

NAP = "reflect('java.lang.Thread', 'sleep', 50L)"
PARTS = [f"SELECT {NAP} AS nap, id + {n} AS x FROM range(0, 200, 1, 1) WHERE id > {n}" for n in range(12)]
LONG_PLANNED = f"SELECT count(nap) FROM ({' UNION ALL '.join(PARTS)}) WHERE x > 3"
SHORT_PLANNED = f"SELECT count(nap) FROM (SELECT {NAP} AS nap FROM range(0, 4000, 1, 1))"
SIDES = [f"(SELECT id, id + {n} AS a{n}, {NAP} AS nap{n} FROM range(0, 900, 1, 2)) t{n}" for n in range(3)]
SEVERAL_JOBS = "SELECT count(*), max(nap0) FROM " + " JOIN ".join(
    (SIDES[0], *(f"{SIDES[n]} ON t0.id = t{n}.id AND t{n}.a{n} > {n}" for n in range(1, 3)))
)


async def begun(backend: HiveServer2Backend, text: str) -> Json:
    query = Query(text=text)
    token = ids.new("t", 20)
    return await backend.submit(query, token, await backend.prepare(query, token))


def assert_nothing_left(server: SharedServer, handles: Sequence[Json], ended_at: Sequence[float]) -> None:
    """No job of these runs, and none began after its query was said to have ended."""
    ends = {
        Handle.from_text(query_of(one).operation).name: at for one, at in zip(handles, ended_at, strict=True)
    }
    jobs = [job for job in server.jobs() if job.statement in ends]
    assert [job for job in jobs if not job.is_over or job.begun_at > ends[job.statement]] == []


async def ended(backend: HiveServer2Backend, text: str, after_s: float) -> tuple[Json, float]:
    """A query that was cancelled, and when that was sure."""
    handle = await begun(backend, text)
    await asyncio.sleep(after_s)  # it plans, prepares, or runs by then, as fast as the machine is
    return await ended_again(backend, handle)


async def ended_again(backend: HiveServer2Backend, handle: Json) -> tuple[Json, float]:
    """The same of one that was begun."""
    while True:
        try:
            await backend.cancel(handle)
        except TransportError as error:
            if not error.is_transient:
                raise
        else:
            return handle, time.time()


async def test_no_job_is_left_of_a_query_that_is_cancelled_in_whatever_moment(tmp_path: Path) -> None:
    server = shared_server()
    async with opened(tmp_path, port=server.port) as backend:
        cancels = [
            ended(backend, text, after_s)
            for text in (SHORT_PLANNED, LONG_PLANNED, SEVERAL_JOBS)
            for after_s in (0, 0.5, 2)
        ]
        handles, ended_at = zip(*await asyncio.gather(*cancels), strict=True)
        assert_nothing_left(server, handles, ended_at)
        for handle in handles:
            await backend.cancel(handle)
        statuses = await backend.statuses(handles)
    assert {status.phase for status in statuses if status} == {QueryPhase.LOST}  # closed, and so forgotten
    assert_nothing_left(server, handles, ended_at)


async def test_another_engine_ends_for_sure_what_one_that_died_had_cancelled(tmp_path: Path) -> None:
    server = shared_server()
    async with opened(tmp_path, port=server.port) as first, opened(tmp_path, port=server.port) as second:
        handle = await begun(first, LONG_PLANNED)
        dying = asyncio.create_task(first.cancel(handle))
        while True:
            if (await second.statuses([handle]))[0] == QueryStatus(phase=QueryPhase.CANCELLED):
                break
            await asyncio.sleep(0.02)
        dying.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await dying
        assert (await second.statuses([handle]))[0] == QueryStatus(phase=QueryPhase.CANCELLED)
        _, ended_at = await ended_again(second, handle)
    assert_nothing_left(server, [handle], [ended_at])


async def test_a_query_that_ran_no_job_is_ended_too(tmp_path: Path) -> None:
    async with opened(tmp_path, port=shared_server().port) as backend:
        for text in ("SET a=b", "SELECT x FROM VALUES (1), (2) AS t(x) WHERE x > 1"):
            await ended(backend, text, 0)
