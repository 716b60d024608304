"""What an engine counts and measures is seen from outside while it runs, and goes with it."""

import asyncio
import io
import json
import logging
import urllib.request
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest

from elevon import errors
from elevon.app import publications
from elevon.app.logs import JsonFormatter
from elevon.plugin import ExecutorProperties, SetupContext, TaskContext, TaskStatus
from elevon.primitives.figures import EngineFigures
from elevon.records.tokens import PoolLimits
from tests.integration.engine import flows
from tests.integration.engine.queries import Queries
from tests.integration.engine.worlds import DONE, RUNNING, Flag, Scripted, State, World, driving
from tests.integration.hosts.stages import Stage

BACK: TaskStatus[Any] = TaskStatus.queued(State(), check_after=timedelta(0))


class Measuring(Scripted):
    """Measures something of its own."""

    async def initialize(self, setup: SetupContext[Any]) -> None:
        setup.metrics.counter("logins", "logins at the service").add(2)


class Hurried(Scripted):
    properties: ClassVar[ExecutorProperties] = ExecutorProperties(call_timeout=timedelta(milliseconds=500))


async def figures_of(world: World, executor: Scripted, flag: Flag, **settings: Any) -> EngineFigures:
    """The figures of an engine, once a call of its executor has got stuck."""
    async with world.engine(executor, **settings) as embedded:
        execution = await world.create(embedded, flows.single)
        async with driving(embedded, execution):
            await flag.reached()
            return await newest(world)


async def newest(world: World) -> EngineFigures:
    """The first snapshot that is taken from now on."""
    before = {one.taken_at for one in publications.read(world.home)}
    async with asyncio.timeout(10):
        while True:
            found = [one for one in publications.read(world.home) if one.taken_at not in before]
            if found:
                return found[0]
            await asyncio.sleep(0.02)


def values(figures: EngineFigures, name: str) -> dict[tuple[str, ...], float]:
    """Values by those of their labels; the count of a histogram."""
    return {
        tuple(sample.labels[label] for label in sorted(sample.labels)): sample.count or sample.value
        for family in figures.families
        if family.name == name
        for sample in family.samples
    }


async def test_calls_errors_setbacks_and_commits_are_seen_while_they_happen(world: World) -> None:
    flag = Flag()
    refused = errors.RetryableError("not now", after=timedelta(0))
    executor = Measuring(start=[RUNNING], check=[refused, BACK, flag.hang])
    figures = await figures_of(world, executor, flag)
    assert values(figures, "elevon_call_seconds") == {("check", "scripted"): 2, ("start", "scripted"): 1}
    assert values(figures, "elevon_call_errors") == {("check", "SYSTEM:Retryable", "scripted"): 1}
    assert values(figures, "elevon_calls_in_flight")["check", "scripted"] == 1
    assert values(figures, "elevon_attempts_in_flight") == {("scripted",): 1}
    assert values(figures, "elevon_attempts_parked") == {("scripted",): 0}
    assert values(figures, "elevon_phase_setbacks") == {("scripted",): 1}
    assert values(figures, "elevon_plugin_logins") == {("scripted",): 2}
    assert values(figures, "elevon_commit_rows")[()] >= values(figures, "elevon_commit_seconds")[()] > 0


async def test_parked_attempts_and_time_outs_are_counted(world: World) -> None:
    parked = Flag()

    async def park(ctx: TaskContext[State]) -> TaskStatus[Any]:
        await parked.hang(ctx)
        return DONE

    executor = Hurried(start=[park, errors.CorruptStateError("another release wrote it")])
    async with world.engine(executor) as embedded:
        execution = await world.create(embedded, flows.single)
        async with driving(embedded, execution):
            async with asyncio.timeout(10):
                while values(await newest(world), "elevon_attempts_parked") != {("scripted",): 1}:
                    pass
            figures = await newest(world)
    assert values(figures, "elevon_plugin_call_timeouts") == {("scripted",): 1}


async def test_tokens_that_are_held_and_waited_for_are_counted(world: World) -> None:
    async with world.engine(Queries(), pools={"queries": PoolLimits(limit=1)}) as embedded:
        executions = [await world.create(embedded, flows.single, name) for name in ("x1", "x2", "x3")]
        async with driving(embedded, *executions), asyncio.timeout(10):
            while True:
                figures = await newest(world)
                if values(figures, "elevon_pool_waiting") == {("queries",): 2}:
                    break
    assert values(figures, "elevon_pool_tokens") == {("queries",): 1}


async def test_ends_of_host_processes_are_counted(world: World, tmp_path: Path) -> None:
    async with Stage(world, tmp_path).engine(check=["leave", "hang"]) as embedded:
        execution = await world.create(embedded, flows.single)
        async with driving(embedded, execution), asyncio.timeout(15):
            while values(await newest(world), "elevon_plugin_host_ends") != {("player",): 1}:
                pass


async def test_a_scraper_reads_the_same_in_its_own_words(world: World) -> None:
    flag = Flag()
    async with world.engine(Measuring(check=[flag.hang]), metrics_port=0) as embedded:
        execution = await world.create(embedded, flows.single)
        async with driving(embedded, execution):
            await flag.reached()
            url = (await newest(world)).url
            text = await asyncio.to_thread(read, url)
    assert 'elevon_call_seconds_count{call="start",executor="scripted"} 1.0' in text
    assert 'elevon_calls_in_flight{call="check",executor="scripted"} 1.0' in text
    assert 'elevon_plugin_logins_total{executor="scripted"} 2.0' in text
    assert "# HELP elevon_plugin_logins_total logins at the service" in text
    assert url.startswith("http://127.0.0.1:")


def read(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - the engine's own address
        return answer.read().decode()


async def test_a_port_that_is_taken_is_named(world: World) -> None:
    async with world.engine(metrics_port=0):
        url = (await newest(world)).url
        port = int(url.split(":")[2].partition("/")[0])
        with pytest.raises(
            errors.UnavailableError, match=rf"the port {port} for metrics can't be opened: .*in use"
        ):
            async with world.engine(metrics_port=port):
                pass


async def test_figures_go_with_their_engine(world: World) -> None:
    async with world.engine():
        assert await newest(world)
    assert publications.read(world.home) == []
    assert list(world.home.engines_dir.glob("*.figures.json")) == []


async def test_figures_of_a_killed_engine_are_nobodys_and_removed_by_the_next(world: World) -> None:
    world.home.prepare()
    left = world.home.engines_dir / "ekilled.figures.json"
    left.write_text("{}")
    assert publications.read(world.home) == []
    async with world.engine():
        assert not left.exists()


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """The log of this process, as documents."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    root, level = logging.getLogger(), logging.getLogger().level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield stream
    root.removeHandler(handler)
    root.setLevel(level)


@pytest.mark.parametrize("isolation", ["engine", "thread"])
async def test_what_an_executor_logs_says_for_whom(world: World, isolation: Any, lines: io.StringIO) -> None:
    logger = logging.getLogger("stranger")

    class Logging(Scripted):
        properties: ClassVar[ExecutorProperties] = ExecutorProperties(isolation=isolation)

    async def tell(_ctx: TaskContext[State]) -> TaskStatus[Any]:
        await asyncio.sleep(0)
        logger.info("looked")
        await asyncio.to_thread(logger.info, "looked from a thread")
        return DONE

    await world.run(flows.pair, Logging(start=[tell]))
    told = [json.loads(line) for line in lines.getvalue().splitlines()]
    for message in ("looked", "looked from a thread"):
        found = [document for document in told if document["message"] == message]
        assert {document["node"] for document in found} == {"n0", "n1"}
        assert {(each["execution"], each["attempt"], each["executor"]) for each in found} == {
            ("x1", 0, "scripted")
        }
