"""One run from one seed, and the search for the shortest story of a run that went wrong."""

import random
from collections import Counter
from collections.abc import Iterator

import msgspec

from elevon import errors
from elevon.compiler.graphs import Graph
from elevon.idl import literals
from elevon.records.executions import ExecutionRecord
from elevon.records.identities import ExecutionId
from elevon.records.nodes import NodeRecord
from elevon.records.phases import NodePhase
from tests.simulation import plans, stores
from tests.simulation.engines import BEGINNING, Engine, Graphs
from tests.simulation.judges import Judge
from tests.simulation.plans import Flow, Sizes
from tests.simulation.worlds import BrokenPromise, Weather, World

replace = msgspec.structs.replace


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """All that a run depends on."""

    seed: int
    sizes: Sizes
    weather: Weather = Weather()


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """How a run went; a run that went well has no complaint."""

    run: Run
    phase: str
    complaint: str
    story: list[str]
    step_count: int
    crash_count: int
    coverage: Counter[tuple[str, str]]


def of_seed(seed: int) -> Run:
    """The run of a seed: every kind of trouble comes alone, together with others, and not at all."""
    rng = random.Random(f"run {seed}")
    sizes = Sizes(steps=rng.choice((2, 4, 6, 10, 16, 40)), with_broken=rng.random() < 0.4)
    share = rng.choice((0.3, 0.6, 1))
    weather = Weather(**{name: rng.random() < share for name in Weather.__struct_fields__})
    return Run(seed=seed, sizes=sizes, weather=weather)


def carry_out(run: Run) -> Result:
    """Simulate the run, and judge it."""
    rng = random.Random(f"plan {run.seed}")
    plan = plans.flow(rng, run.sizes)
    graph = plans.graph_of(plan)
    value = rng.randint(0, 999)
    world = World(run.seed, run.weather)
    store = stores.Store(
        ExecutionRecord(
            id=ExecutionId("p", "d", f"e{run.seed}"),
            workflow="w",
            closure_digest="",
            inputs=literals.literal_map({"x": literals.integer(value)}).SerializeToString(),
            max_parallelism=rng.choice((0, 0, 1, 3)) if run.weather.limits else 0,
            created_at=BEGINNING,
        ),
        _taken_over(rng, plan) if run.weather.recovered else [],
    )
    world.settings = stores.settings_by_id(graph)
    expansions: dict[str, Graph] = {}
    for node_id, expansion, inner in plans.futures_of(plan):
        world.futures[node_id] = expansion
        world.settings |= stores.settings_by_id(inner, f"{node_id}/")
        expansions[expansion.closure_digest] = inner
    store.tasks = set(world.settings)
    engine = Engine(run.seed, Graphs(graph, expansions), store, world, run.weather)
    complaint = ""
    try:
        engine.run()
        Judge(store, world, engine.now).judge(plan, value, is_abort_asked=engine.is_abort_asked)
    except (BrokenPromise, errors.BugError) as error:
        complaint = f"{type(error).__name__}: {error}"
    return Result(
        run=run,
        phase=store.execution.phase,
        complaint=complaint,
        story=engine.story,
        step_count=engine.step_count,
        crash_count=engine.crash_count,
        coverage=engine.coverage,
    )


def shorten(failed: Result) -> Result:
    """A run with less trouble and smaller sizes that still goes wrong, with the shortest story found."""
    shortest = failed
    is_shorter = True
    while is_shorter:
        is_shorter = False
        for run in _milder(shortest.run):
            result = carry_out(run)
            if result.complaint and len(result.story) <= len(shortest.story):
                shortest, is_shorter = result, True
                break
    return shortest


def _milder(run: Run) -> Iterator[Run]:
    """Runs with less in them, the greatest savings first."""
    sizes = run.sizes
    for fewer in (1, sizes.steps // 2, sizes.steps - 1):
        if 0 < fewer < sizes.steps:
            yield replace(run, sizes=replace(sizes, steps=fewer))
    if sizes.depth:
        yield replace(run, sizes=replace(sizes, depth=sizes.depth - 1))
    for name in ("with_broken", "with_timeouts", "with_futures", "with_arrays"):
        if getattr(sizes, name):
            yield replace(run, sizes=replace(sizes, **{name: False}))
    for name in Weather.__struct_fields__:
        if getattr(run.weather, name):
            yield replace(run, weather=replace(run.weather, **{name: False}))


def _taken_over(rng: random.Random, plan: Flow) -> list[NodeRecord]:
    """Sometimes the first tasks, and elements of arrays, were taken over from an earlier execution."""
    taken: list[NodeRecord] = []
    names: set[str] = set()
    if rng.random() < 0.8:
        return []
    for step in plan.steps:
        if step.settings is None or not names.issuperset(step.upstream()):
            continue
        if step.items is not None:
            elements = [str(index) for index in range(len(step.items.sources)) if rng.random() < 0.6]
            taken += [_recovered(rng, element, step.id) for element in elements]
        elif rng.random() < 0.6:
            names.add(step.id)
            taken.append(_recovered(rng, step.id))
    return taken


def _recovered(rng: random.Random, name: str, parent: str = "") -> NodeRecord:
    outputs = literals.literal_map({"o": literals.integer(rng.randint(0, 999))})
    return NodeRecord(
        node_id=f"{parent}/{name}" if parent else name,
        spec_node_id=name,
        parent=parent,
        phase=NodePhase.RECOVERED,
        outputs=outputs.SerializeToString(),
        started_at=BEGINNING,
        ended_at=BEGINNING,
    )
