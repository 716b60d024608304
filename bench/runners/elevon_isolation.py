"""What isolation costs a call, and what it keeps from whoever behaves.

It owns the workload `isolation`: the time of a call on the engine's loop, in a thread and in a process; and how late
checks of well-behaved types are, on the engine's loop and in a thread, before and while another executor misbehaves.

Usage: python -m bench.runners.elevon_isolation HOME
"""

import asyncio
import logging
import shutil
import statistics
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from bench.runners import requests
from bench.runners.isolation_executors import Fault, Loud, LoudProcess, Quiet, QuietProcess, QuietThread
from elevon import Task, app, workflow
from elevon.admin.executions import NewExecution
from elevon.cli import programs
from elevon.plugin import Executor
from elevon.plugin.descriptions import HostSettings
from elevon.plugin.hosts import ExecutorHost
from elevon.plugin.invocations import AttemptPaths, Invocation, TaskFacts
from elevon.records.answers import Answer, CallKind
from elevon.records.attempts import AttemptRecord
from elevon.records.identities import AttemptId, ExecutionId
from elevon.records.phases import AttemptPhase
from elevon.sdk import serialization
from elevon.testing.contexts import MemoryServices, ScriptedLauncher

_WARM_UP_COUNT = 200
_QUIET_COUNT = 20
_LOUD_COUNT = 5
_MEMORY_LIMIT = 400 << 20


@workflow
def quiet_on_engine() -> None:
    """A task that runs for ever."""
    Task("quiet", task_type="quiet-engine")()


@workflow
def quiet_in_thread() -> None:
    """The same in a thread."""
    Task("quiet", task_type="quiet-thread")()


@workflow
def disturbance() -> None:
    """A task of the executor that does not behave."""
    Task("loud", task_type="loud")()


async def overhead(home: app.Home, call_count: int) -> dict[str, Any]:
    """The time of one call in each isolation, alone and with many at once, in turns."""
    executors: tuple[Executor[Any, Any], ...] = (Quiet(), QuietThread(), QuietProcess())
    alone: dict[str, list[float]] = {one.properties.isolation: [] for one in executors}
    together: dict[str, list[float]] = {one.properties.isolation: [] for one in executors}
    async with app.embedded(home, app.Settings(executors=executors, workers=1)) as embedded:
        there = embedded.executors
        await there.ready([one.task_types[0] for one in executors])
        hosts = {
            one.properties.isolation: there.host(there.registry.of_type(one.task_types[0]))
            for one in executors
        }
        for host in hosts.values():
            await repeat(host, _WARM_UP_COUNT)
        for _ in range(5):
            for isolation, host in hosts.items():
                alone[isolation].append(await repeat(host, call_count))
                begun_at = time.perf_counter()
                await asyncio.gather(*(repeat(host, call_count // 50, number) for number in range(50)))
                together[isolation].append((time.perf_counter() - begun_at) / call_count)
    return {"alone": alone, "together": together}


async def repeat(host: ExecutorHost, count: int, number: int = 0) -> float:
    """Seconds of one call, when so many are made one after the other."""
    invocation = check_of(number)
    services = MemoryServices(ScriptedLauncher(), Path("inputs.pb"))
    begun_at = time.perf_counter()
    for _ in range(count):
        assert isinstance(await host.carry_out(invocation, services), Answer)
    return (time.perf_counter() - begun_at) / count


def check_of(number: int) -> Invocation:
    """A call of `check_task_status`."""
    now = datetime.now(UTC)
    record = AttemptRecord(
        node_id=f"n{number}",
        executor_id="quiet",
        task_type="quiet",
        phase=AttemptPhase.RUNNING,
        custom_state=b"null",
        state_version=1,
        queued_at=now,
    )
    return Invocation(
        call=CallKind.CHECK,
        id=AttemptId(ExecutionId("default", "development", "x"), record.node_id, 0),
        name=f"x-n{number}-0",
        paths=AttemptPaths(Path("data")),
        task=TaskFacts(),
        record=record,
        now=now,
    )


async def disturb(home: app.Home, fault: Fault, isolation: str, seconds: float) -> dict[str, Any]:
    """How late the checks of others are, before and while somebody misbehaves."""
    quiet, threaded = Quiet(), QuietThread()
    settings = app.Settings(
        executors=(quiet, threaded, *(() if isolation == "process" else (Loud(),))),
        hosts=() if isolation == "thread" else (loud_host(),),
        configuration={"loud": {"fault": fault}},
        workers=1,
    )
    async with app.embedded(home, settings) as embedded:
        ids = [
            (await embedded.admin.create_execution(new)).id
            for number in range(_QUIET_COUNT)
            for new in (named(quiet_on_engine, f"e{number}"), named(quiet_in_thread, f"t{number}"))
        ]
        louds = [
            (await embedded.admin.create_execution(named(disturbance, f"l{number}"))).id
            for number in range(_LOUD_COUNT)
        ]
        driven = asyncio.create_task(embedded.engine.drive(*ids))
        await asyncio.sleep(1.0)
        before = await delays(quiet, threaded, seconds)
        driven_too = asyncio.create_task(embedded.engine.drive(*louds))
        await embedded.executors.ready(["loud"])
        during = await delays(quiet, threaded, seconds)
        for task in (driven, driven_too):
            task.cancel()
        await asyncio.wait([driven, driven_too])
    return {"before": before, "during": during}


async def delays(quiet: Quiet, threaded: Quiet, seconds: float) -> dict[str, list[float]]:
    """Median and 99th percentile of how late checks come, in seconds, by where they run."""
    quiet.delays.clear()
    threaded.delays.clear()
    await asyncio.sleep(seconds)
    found = {"engine": list(quiet.delays), "thread": list(threaded.delays)}
    return {
        where: [statistics.median(each), statistics.quantiles(each, n=100)[98]]
        for where, each in found.items()
    }


def loud_host() -> HostSettings:
    """A process with a limit."""
    path = f"{LoudProcess.__module__}:{LoudProcess.__qualname__}"
    return HostSettings(name="loud", tasktypes=(path,), memory_limit_bytes=_MEMORY_LIMIT)


def named(made: Any, name: str) -> NewExecution:
    """An execution of a workflow."""
    serialized = serialization.serialize(made, project="default", domain="development", version="1")
    closure = programs.compile_serialized(serialized, None)
    return msgspec.structs.replace(NewExecution(closure=closure, parameters=serialized.parameters), name=name)


def main() -> None:
    """Answer requests until there are no more."""
    pipe = requests.answers()
    logging.getLogger("elevon").setLevel(logging.ERROR)
    path = Path(sys.argv[1])
    while (asked := requests.read()) is not None:
        home = app.Home(path)
        try:
            measured = overhead(home, **asked) if "call_count" in asked else disturb(home, **asked)
            requests.answer(pipe, **asyncio.run(measured))
        finally:
            shutil.rmtree(path)


if __name__ == "__main__":
    main()
