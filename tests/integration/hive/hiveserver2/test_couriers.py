"""Queries are sent once, whoever dies in the middle of it, and many go side by side."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import psutil
import pytest

from elevon.plugin.contexts import Json
from elevon.primitives import ids
from elevon.tasktypes.hive.backends.hiveserver2 import couriers
from elevon.tasktypes.hive.backends.hiveserver2.backends import HiveServer2Backend
from elevon.tasktypes.hive.backends.interfaces import Query, QueryPhase
from tests.integration.hive.hiveserver2.backends import opened
from tests.integration.hive.hiveserver2.sharing import shared_server
from tests.storm.tasktypes import __main__ as storm
from tests.storm.tasktypes.rounds import Ground, Round, Strike

# The first test of a run with the server waits until that has started.
pytestmark = pytest.mark.timeout(300)
PATIENCE_S = 120


def couriers_of_this_process() -> list[int]:
    # Of a child of another test that has ended and is not buried yet there is no command line: process_iter says None.
    children = {child.pid for child in psutil.Process().children()}
    return [
        process.pid
        for process in psutil.process_iter(["cmdline"])
        if process.pid in children and couriers.__name__ in (process.info["cmdline"] or ())
    ]


async def ended(backend: HiveServer2Backend, handles: Sequence[Json]) -> list[QueryPhase]:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            found = await backend.statuses(handles)
            phases = [status.phase for status in found if status is not None]
            if all(phase.is_terminal for phase in phases):
                return phases
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("point", ["once.after_submit:2", "once.after_intent:2"])
def test_an_engine_that_dies_around_a_submission_finds_it_again(point: str, tmp_path: Path) -> None:
    subject = storm.subject_of("hive_hiveserver2")
    place = tmp_path / ids.new("run", 20)  # the tables of the shared server are called after it
    place.mkdir()
    with subject.service() as environment:
        one = Round(subject, [Strike(PATIENCE_S, point)] * 2, Ground(place, environment))
        complaints = one.carry_out()
    assert not complaints, "\n".join((*one.story, *complaints))
    assert one.kill_count == 2


async def test_another_courier_goes_when_one_was_killed(tmp_path: Path) -> None:
    query = Query(text="SELECT 1 AS one")
    async with opened(tmp_path, port=shared_server().port) as backend:
        first = await backend.submit(query, "a", await backend.prepare(query, "a"))
        (pid,) = couriers_of_this_process()
        killed = psutil.Process(pid)
        killed.kill()
        await asyncio.to_thread(psutil.wait_procs, [killed], PATIENCE_S)
        second = await backend.submit(query, "b", await backend.prepare(query, "b"))
        assert await ended(backend, [first, second]) == [QueryPhase.SUCCEEDED] * 2
        assert await backend.find("a", await backend.prepare(query, "a")) == first
    assert couriers_of_this_process() == []


async def test_many_queries_go_side_by_side_and_each_once(tmp_path: Path) -> None:
    server = shared_server()
    user = ids.new("user", 20)
    queries = [Query(text=f"SELECT {number} AS number") for number in range(20)]

    async with opened(tmp_path, port=server.port, user=user) as backend:

        async def begun(token: str, query: Query) -> Json:
            return await backend.submit(query, token, await backend.prepare(query, token))

        handles = await asyncio.gather(*(begun(f"t{n}", query) for n, query in enumerate(queries)))
        assert await ended(backend, handles) == [QueryPhase.SUCCEEDED] * len(queries)
        assert f"Submitting query '{queries[0].text}" in await backend.log(handles[0])
    sent = [
        statement.text.partition("\n-- ")[0] for statement in server.statements() if statement.user == user
    ]
    assert sorted(sent) == sorted(query.text for query in queries)
