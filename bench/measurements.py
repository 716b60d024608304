"""The workloads of the benchmark: who takes part in which, how often, and what it is held to.

Contenders take turns within a round, and who begins changes from round to round.
"""

import shutil
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple, TypeVar

import psutil

from bench import contenders, programs
from bench.contenders import Pythons
from bench.programs import Workload
from bench.results import PEER, SUBJECT, Bar, Row

T = TypeVar("T")
_SMALL = Workload("fan", 10)
_IN_FLIGHT = 10_000
_MIB = 1 << 20
_SAMPLING_S = 0.01


class Bench(NamedTuple):
    """One run of the benchmark.

    Attributes:
        pythons: The two environments.
        directory: For homes, programs and logs; on a real disk.
        rounds: How often each contender runs each workload.
        is_long: Whether the sizes that take minutes are included.
    """

    pythons: Pythons
    directory: Path
    rounds: int
    is_long: bool


def in_turn(rounds: int, runs: Mapping[str, Callable[[], T]]) -> dict[str, list[T]]:
    """Run each once a round; what the first one makes of each is thrown away, as it warms up."""
    for run in runs.values():
        run()
    measured: dict[str, list[T]] = defaultdict(list)
    names = list(runs)
    for number in range(rounds):
        shift = number % len(names)
        for name in names[shift:] + names[:shift]:
            measured[name].append(runs[name]())
    return measured


def warm(bench: Bench, wanted: frozenset[str]) -> Iterator[Row]:
    """W1, W2, W3 and W5: on warm engines, submit to result."""
    plan: list[tuple[str, str, Workload, int, bool, Bar | None]] = [
        ("W1", "W1 fan-out of 200", Workload("fan", 200), bench.rounds, True, None),
        ("W1", "W1 fan-out of 1,000", Workload("fan", 1_000), bench.rounds, True, Bar(0.6)),
        ("W2", "W2 chain of 100", Workload("chain", 100), bench.rounds, True, Bar(1.2)),
        ("W3", "W3 one task", Workload("chain", 1), 20, False, None),
        ("W5", "W5 100 workflows at once", Workload("chain", 3, copies=100), bench.rounds, False, None),
    ]
    if bench.is_long:
        plan.insert(2, ("W1", "W1 fan-out of 10,000", Workload("fan", 10_000), 3, True, None))
    plan = [entry for entry in plan if entry[0] in wanted]
    if not plan:
        return
    with ExitStack() as stack:
        ours = contenders.elevon(bench.pythons.elevon, bench.directory, bench.directory / "warm")
        runners = [stack.enter_context(ours)]
        if bench.pythons.flytekit:
            runners.append(stack.enter_context(contenders.flytekit(bench.pythons.flytekit, bench.directory)))
        floor = stack.enter_context(contenders.floor(bench.pythons.elevon, bench.directory))
        for _, name, workload, rounds, has_floor, bar in plan:
            yield _warm_row(name, workload, rounds, [*runners, floor] if has_floor else runners, bar)


def _warm_row(
    name: str, workload: Workload, rounds: int, runners: Sequence[contenders.Runner], bar: Bar | None
) -> Row:
    def timed(runner: contenders.Runner) -> Callable[[], float]:
        return lambda: runner.measure(workload)["seconds"]

    samples = in_turn(rounds, {runner.name: timed(runner) for runner in runners})
    if statistics.median(samples[SUBJECT]) < 0.1:
        return Row(
            name, "ms", {one: [seconds * 1000 for seconds in found] for one, found in samples.items()}, bar
        )
    return Row(name, "s", samples, bar)


def cold(bench: Bench) -> Iterator[Row]:
    """W4: whole commands, each a process of its own; the floor is an interpreter that does nothing."""
    ours, theirs = _commands(bench, "elevon"), _commands(bench, "flytekit")
    floor = [bench.pythons.elevon, "-c", "pass"]
    rounds = max(bench.rounds, 7)
    plan: list[tuple[str, str, Bar | None]] = [
        ("run", "W4 hello-world, cold", Bar(0.5)),
        ("help", "W4 --help", Bar(0.25, is_ratio=False)),
        ("import", "W4 import of task, workflow", None),
    ]
    for key, name, bar in plan:
        commands = {SUBJECT: ours[key], PEER: theirs.get(key), "floor": floor}
        there = {who: command for who, command in commands.items() if command is not None}
        runs = in_turn(rounds, {who: _command(command) for who, command in there.items()})
        yield Row(name, "s", {who: [run.seconds for run in made] for who, made in runs.items()}, bar)
        if key == "run":
            peaks = {who: [run.peak_bytes / _MIB for run in made] for who, made in runs.items()}
            yield Row("W4 peak of its largest process", "MiB", peaks)
            tree = in_turn(3, {who: _tree_peak(command) for who, command in there.items()})
            yield Row("W4 peak of all its processes", "MiB", tree)


def _command(command: Sequence[str | Path]) -> Callable[[], contenders.Run]:
    return lambda: contenders.run_command(command)


def _commands(bench: Bench, sdk: str) -> dict[str, list[str | Path]]:
    python = bench.pythons.elevon if sdk == "elevon" else bench.pythons.flytekit
    if python is None:
        return {}
    hello = programs.write_hello(sdk, bench.directory)
    program = python.parent / ("elevon" if sdk == "elevon" else "pyflyte")
    home: list[str | Path] = ["--home", bench.directory / "cold"] if sdk == "elevon" else []
    return {
        "run": [program, "run", *home, hello, "hello"],
        "help": [program, "--help"],
        "import": [python, "-c", f"from {sdk} import task, workflow"],
    }


def _tree_peak(command: Sequence[str | Path]) -> Callable[[], float]:
    """The most memory of a command and all its processes, each page counted once where the system can tell."""

    def sampled() -> float:
        peak = 0
        with contenders.start_command(command) as process:
            root = psutil.Process(process.pid)
            while process.poll() is None:
                peak = max(peak, sum(_own_bytes(one) for one in _tree(root)))
                time.sleep(_SAMPLING_S)
        return peak / _MIB

    return sampled


def _tree(root: psutil.Process) -> list[psutil.Process]:
    try:
        return [root, *root.children(recursive=True)]
    except psutil.Error:
        return []


def _own_bytes(process: psutil.Process) -> int:
    try:
        memory = process.memory_full_info()
    except (psutil.Error, OSError):
        return 0
    return getattr(memory, "pss", memory.uss)


def waiting(bench: Bench) -> Iterator[Row]:
    """W6: executions of one http-job each in flight on one engine, of which the service is asked every 10 seconds."""
    home = bench.directory / "waiting"
    with contenders.elevon_jobs(bench.pythons.elevon, bench.directory, home) as engine:
        answer = engine.ask({"count": _IN_FLIGHT, "idle_s": 30.0})
    shutil.rmtree(home)
    if answer["lost"] or not answer["is_exact"]:
        raise contenders.BenchError(
            f"{answer['lost']} of {_IN_FLIGHT} executions were lost, or a job was made twice"
        )
    figures: list[tuple[str, str, float, Bar | None]] = [
        ("engine's CPU, of one core", "%", answer["core_share"] * 100, Bar(30, is_ratio=False)),
        ("records written meanwhile", "", answer["idle_changes"], Bar(0, is_ratio=False)),
        ("age of news, median", "s", answer["median_age_seconds"], None),
        ("age of news, worst", "s", answer["worst_age_seconds"], Bar(10, is_ratio=False)),
        ("engine's CPU to begin one", "ms", answer["begin_cpu_seconds"] * 1000 / _IN_FLIGHT, None),
        ("all begun", "s", answer["begin_seconds"], None),
        ("all ended, at once", "s", answer["end_seconds"], None),
        ("engine's peak, by execution", "B", answer["peak_bytes"] / _IN_FLIGHT, None),
    ]
    for what, unit, value, bar in figures:
        yield Row(f"W6 {_IN_FLIGHT:,} in flight: {what}", unit, {SUBJECT: [value]}, bar)


def cached(bench: Bench) -> Iterator[Row]:
    """The cache on its own: items that are synced every 10 seconds, 500 at a time."""
    with contenders.elevon_cache(bench.pythons.elevon, bench.directory) as runner:
        for count in (10_000, 100_000):
            answer = runner.ask({"count": count, "page": 500, "idle_s": 30.0})
            figures: list[tuple[str, str, float, Bar | None]] = [
                ("CPU, of one core", "%", answer["core_share"] * 100, Bar(count / 10_000, is_ratio=False)),
                ("CPU of a pass", "ms", answer["pass_cpu_seconds"] * 1000, None),
                ("that without the sync", "ms", answer["own_pass_cpu_seconds"] * 1000, None),
                ("age of news, median", "s", answer["median_age_seconds"], None),
                ("age of news, worst", "s", answer["worst_age_seconds"], Bar(10.5, is_ratio=False)),
                ("longest hold of the loop", "ms", answer["longest_hold_seconds"] * 1000, None),
                ("resident, by item", "B", answer["resident_bytes"] / count, None),
            ]
            for what, unit, value, bar in figures:
                yield Row(f"cache of {count:,}: {what}", unit, {SUBJECT: [value]}, bar)


_MISDEEDS = (
    ("raise", "thread", "raises in a thread"),
    ("hang", "thread", "hangs in a thread"),
    ("block", "thread", "blocks its thread"),
    ("gil", "process", "holds the GIL of a process"),
    ("memory", "process", "eats the memory of a process"),
)


def isolated(bench: Bench) -> Iterator[Row]:
    """What isolation costs a call, and what it keeps from others: their checks before, and while one misbehaves."""
    home = bench.directory / "isolation"
    with contenders.elevon_isolation(bench.pythons.elevon, bench.directory, home) as runner:
        answer = runner.ask({"call_count": 1_000})
        for how, unit_name in (("alone", "one call"), ("together", "one of 50 calls at once")):
            found = {where: [seconds * 1e6 for seconds in each] for where, each in answer[how].items()}
            for where, samples in found.items():
                yield Row(f"isolation: {unit_name}, {where}", "us", {SUBJECT: samples})
            for where in ("thread", "process"):
                added = [one - base for one, base in zip(found[where], found["engine"], strict=True)]
                bar = Bar(1_500, is_ratio=False) if where == "process" else None
                yield Row(f"isolation: {unit_name}, added by a {where}", "us", {SUBJECT: added}, bar)
        for fault, isolation, words in _MISDEEDS:
            answer = runner.ask({"fault": fault, "isolation": isolation, "seconds": 5.0})
            for where in ("engine", "thread"):
                before, during = answer["before"][where], answer["during"][where]
                name = f"isolation: delay of checks ({where}) while one {words}"
                yield Row(f"{name}, before", "ms", {SUBJECT: [before[0] * 1000]})
                yield Row(
                    f"{name}, to before", "x", {SUBJECT: [during[0] / before[0]]}, Bar(2, is_ratio=False)
                )
                yield Row(f"{name}, 99th percentile", "x", {SUBJECT: [during[1] / before[1]]})


def unfolded(bench: Bench) -> Iterator[Row]:
    """Futures: what it takes to check and index them, and a fan that a dynamic task makes beside one that is there."""
    with contenders.elevon_futures(bench.pythons.elevon, bench.directory) as runner:
        for count in (1_000, 10_000):
            path = Workload("fan", count).write("elevon", bench.directory)
            taken = [runner.ask({"path": str(path)})["seconds"] for _ in range(bench.rounds)]
            bar = Bar(count / 1_000, is_ratio=False)
            yield Row(f"futures of {count:,} nodes, checked and indexed", "s", {SUBJECT: taken}, bar)
    fan, unfold = Workload("fan", 1_000), Workload("unfold", 1_000)
    home = bench.directory / "unfolded"
    with contenders.elevon(bench.pythons.elevon, bench.directory, home) as engine:
        found = in_turn(
            bench.rounds,
            {one.shape: lambda one=one: engine.measure(one)["seconds"] for one in (fan, unfold)},
        )
    ratios = [dynamic / static for dynamic, static in zip(found["unfold"], found["fan"], strict=True)]
    yield Row("futures of 1,000 tasks", "s", {SUBJECT: found["unfold"]})
    yield Row("futures of 1,000 tasks, to W1", "x", {SUBJECT: ratios}, Bar(1.3, is_ratio=False))


def mapped(bench: Bench) -> Iterator[Row]:
    """A map over a list beside W1, which has a node for each element: by element, and in one engine."""
    home = bench.directory / "mapped"
    with contenders.elevon(bench.pythons.elevon, bench.directory, home) as engine:
        for count, rounds in ((1_000, bench.rounds), (10_000, min(3, bench.rounds))):
            fan, mapped_over = Workload("fan", count), Workload("map", count)
            found = in_turn(
                rounds, {one.shape: lambda one=one: engine.measure(one) for one in (fan, mapped_over)}
            )
            turns = list(zip(found["map"], found["fan"], strict=True))
            cost = [one["seconds"] * 1e6 / count for one in found["map"]]
            ratios = [one["seconds"] / other["seconds"] for one, other in turns]
            cpu_ratios = [one["cpu_seconds"] / other["cpu_seconds"] for one, other in turns]
            yield Row(f"map over {count:,}, by element", "us", {SUBJECT: cost})
            yield Row(f"map over {count:,}, to W1", "x", {SUBJECT: ratios}, Bar(1.3, is_ratio=False))
            yield Row(f"map over {count:,}, engine's CPU to W1", "x", {SUBJECT: cpu_ratios})


class _Growth(NamedTuple):
    """What a fan of one size cost, by node."""

    seconds: float
    cpu_seconds: float
    compile_seconds: float
    resident_bytes: float
    stored_bytes: float


def growth(bench: Bench) -> Iterator[Row]:
    """W9: fans that grow, each in an engine of its own; the smallest is run again before each larger one."""
    sizes = [5_000, 10_000, 20_000, *([100_000] if bench.is_long else [])]
    smallest: list[_Growth] = []
    found: dict[int, _Growth] = {}
    for size in sizes:
        smallest.append(_grow(bench, 1_000))
        found[size] = _grow(bench, size)
    yield _growth_row("W9 time per node, 1,000", "us", [one.seconds * 1e6 for one in smallest])
    for size, cost in found.items():
        yield _growth_row(f"W9 time per node, {size:,}", "us", [cost.seconds * 1e6])
    base = statistics.median(one.seconds for one in smallest)
    for size in sizes[2:]:
        name = f"W9 time per node, {size:,} to 1,000"
        yield _growth_row(name, "x", [found[size].seconds / base], Bar(1.5, is_ratio=False))
    for size, cost in {1_000: smallest[-1], **found}.items():
        yield _growth_row(f"W9 engine's CPU per node, {size:,}", "us", [cost.cpu_seconds * 1e6])
        yield _growth_row(f"W9 compile time per node, {size:,}", "us", [cost.compile_seconds * 1e6])
        yield _growth_row(f"W9 resident per node, {size:,}", "B", [cost.resident_bytes])
        yield _growth_row(f"W9 stored per node, {size:,}", "B", [cost.stored_bytes])


def _growth_row(name: str, unit: str, values: list[float], bar: Bar | None = None) -> Row:
    return Row(name, unit, {SUBJECT: values}, bar)


def _grow(bench: Bench, size: int) -> _Growth:
    workload = Workload("fan", size)
    home = bench.directory / "growth"
    with contenders.elevon(bench.pythons.elevon, bench.directory, home) as engine:
        engine.measure(_SMALL)
        answer = engine.measure(workload)
    stored = sum(path.stat().st_size for path in home.glob("elevon.db*"))
    shutil.rmtree(home)
    return _Growth(
        seconds=answer["seconds"] / workload.node_count,
        cpu_seconds=answer["cpu_seconds"] / workload.node_count,
        compile_seconds=answer["compile_seconds"] / workload.node_count,
        resident_bytes=answer["peak_growth_bytes"] / workload.node_count,
        stored_bytes=stored / workload.node_count,
    )
