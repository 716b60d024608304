"""Random workflows, as plain data: what the simulator makes a graph of and the judge reads on its own.

All values are integers. A task's output is the sum of its inputs and of its name, so that the right result is known.
An array's list counts as the sum of what is in it, and nothing but tasks takes one.
"""

import random
from collections.abc import Iterable, Iterator
from datetime import timedelta

import msgspec

from elevon.compiler.graphs import Array, FailurePolicy, Graph, GraphNode, NodeKind, TaskSettings
from elevon.idl import literals
from elevon.idl.messages import (
    Binding,
    BindingData,
    BindingDataCollection,
    BooleanExpression,
    ComparisonExpression,
    Error,
    IfBlock,
    IfElseBlock,
    Literal,
    Node,
    Operand,
    OutputReference,
    Primitive,
    TaskTemplate,
    TypedInterface,
    Variable,
    VariableMap,
)
from elevon.records.nodes import Expansion

INPUT = ""
BROKEN = "missing"
Source = int | str
"""A constant; or `INPUT`; or the id of a node, with `!` behind it for an output that it does not have."""

TASK_TYPES = ("swift", "slow", "rare")


class Items(msgspec.Struct, kw_only=True):
    """The list of an array, and how its elements are run.

    Attributes:
        sources: One for each element.
        limit: So many at once; 0 for no limit.
        needed: So many must succeed; None for all.
        all_run: Whether the others still run once too many have failed.
    """

    sources: list[Source]
    limit: int = 0
    needed: int | None = None
    all_run: bool = False


class Step(msgspec.Struct, kw_only=True):
    """One node: a task has settings, a subworkflow a flow, a branch arms; a task that goes on as futures has both.

    Attributes:
        items: Of an array, whose settings are those of each element.
        min_success_count: So many nodes of the futures must succeed; 0 for all.
    """

    id: str
    sources: dict[str, Source]
    settings: TaskSettings | None = None
    items: Items | None = None
    flow: "Flow | None" = None
    arms: "list[tuple[int, Step]]" = []
    otherwise: "Step | str | None" = None
    min_success_count: int = 0

    def upstream(self) -> list[str]:
        """Ids of the nodes that it waits for."""
        listed = self.items.sources if self.items else []
        named = dict.fromkeys(
            str(each).rstrip("!")
            for each in (*self.sources.values(), *listed)
            if isinstance(each, str) and each != INPUT
        )
        for arm in self.all_arms():
            named.update(dict.fromkeys(arm.upstream()))
        return list(named)

    def all_arms(self) -> "Iterator[Step]":
        yield from (arm for _, arm in self.arms)
        if isinstance(self.otherwise, Step):
            yield self.otherwise


class Flow(msgspec.Struct, kw_only=True):
    """One workflow; its steps stand in an order in which they could run."""

    steps: list[Step]
    output: Source
    on_failure: FailurePolicy


class Sizes(msgspec.Struct, frozen=True, kw_only=True):
    """How much a plan may hold."""

    steps: int = 16
    depth: int = 3
    with_broken: bool = True
    with_timeouts: bool = True
    with_futures: bool = True
    with_arrays: bool = True


def flow(rng: random.Random, sizes: Sizes, depth: int = 0, *, is_futures: bool = False) -> Flow:
    """A random workflow; futures have no inputs, and end with the first failure that they can't do without."""
    count = rng.randint(0 if depth else 1, max(1, sizes.steps >> depth))
    steps: list[Step] = []
    for number in range(count):
        steps.append(_step(rng, sizes, depth, f"n{number}", steps))
    made = Flow(
        steps=steps,
        output=_source(rng, sizes, _numbers(steps), broken=0.05),
        on_failure=rng.choice(list(FailurePolicy)),
    )
    if is_futures:
        made.on_failure = FailurePolicy.FAIL_IMMEDIATELY
        _take_input_away(made)
    return made


def _take_input_away(made: Flow) -> None:
    made.output = 1 if made.output == INPUT else made.output
    steps = list(made.steps)
    while steps:
        step = steps.pop()
        step.sources = {name: 1 if source == INPUT else source for name, source in step.sources.items()}
        if step.items is not None:
            step.items.sources = [1 if source == INPUT else source for source in step.items.sources]
        steps.extend(step.all_arms())


def _numbers(steps: "list[Step]") -> list[str]:
    """Ids of the nodes whose output is a number and no list."""
    return [step.id for step in steps if step.items is None]


def _step(rng: random.Random, sizes: Sizes, depth: int, name: str, steps: "list[Step]") -> Step:
    everything, known = [step.id for step in steps], _numbers(steps)
    sources = {
        f"i{number}": _source(rng, sizes, everything, broken=0.005)
        for number in range(rng.choice((0, 1, 1, 2, 3)))
    }
    kind = rng.random()
    if kind < 0.75 or depth >= sizes.depth:
        made = Step(id=name, sources=sources, settings=_settings(rng, sizes))
        if sizes.with_arrays and rng.random() < 0.12:
            made.items = _items(rng, sizes, known)
            return made
        if sizes.with_futures and depth < sizes.depth and rng.random() < 0.12:
            made.flow = flow(rng, sizes, depth + 1, is_futures=True)
            made.min_success_count = rng.choice((0, 0, max(0, len(made.flow.steps) - 1)))
        return made
    if kind < 0.88:
        return Step(
            id=name,
            sources={"x": _source(rng, sizes, known, broken=0.02)},
            flow=flow(rng, sizes, depth + 1),
        )
    # A branch gives what its arm gives, and whoever takes it takes a number.
    arms_sizes = msgspec.structs.replace(sizes, with_arrays=False)
    arms = [
        (rng.randint(0, 900), _step(rng, arms_sizes, depth + 1, f"{name}-a{number}", steps))
        for number in range(rng.randint(1, 3))
    ]
    otherwise: Step | str | None = rng.choice((None, "error", "step", "step", "step"))
    if otherwise == "step":
        otherwise = _step(rng, arms_sizes, depth + 1, f"{name}-e", steps)
    return Step(
        id=name, sources={"c": _source(rng, sizes, known, broken=0.02)}, arms=arms, otherwise=otherwise
    )


def _items(rng: random.Random, sizes: Sizes, known: list[str]) -> Items:
    # The greatest are more than wait for a place at once.
    count = 130 if rng.random() < 0.02 else rng.choice((0, 1, 2, 3, 5, 8))
    return Items(
        sources=[_source(rng, sizes, known, broken=0.002) for _ in range(count)],
        limit=rng.choice((0, 0, 1, 2, 5)),
        needed=rng.choice((None, None, 0, count // 2, max(0, count - 1))),
        all_run=rng.random() < 0.3,
    )


def _source(rng: random.Random, sizes: Sizes, known: list[str], *, broken: float) -> Source:
    if not known or rng.random() < 0.2:
        return rng.choice((INPUT, rng.randint(0, 999)))
    name = rng.choice(known[-6:])
    return f"{name}!" if sizes.with_broken and rng.random() < broken else name


def _settings(rng: random.Random, sizes: Sizes) -> TaskSettings:
    timeout = timedelta(seconds=rng.uniform(5, 300)) if rng.random() < 0.3 else None
    queue_timeout = timedelta(seconds=rng.uniform(5, 300)) if rng.random() < 0.2 else None
    return TaskSettings(
        task_type=rng.choice(TASK_TYPES),
        retries=rng.choice((0, 0, 1, 2, 3)),
        timeout=timeout if sizes.with_timeouts else None,
        queue_timeout=queue_timeout if sizes.with_timeouts else None,
    )


def value_of_task(node_id: str, inputs: list[int]) -> int:
    """What a task makes of its inputs."""
    return (sum(inputs) + sum(node_id.encode())) % 1000


def graph_of(plan: Flow, name: str = "w") -> Graph:
    """The plan as the engine reads it."""
    upstream = {step.id: step.upstream() for step in plan.steps}
    downstream: dict[str, list[str]] = {step.id: [] for step in plan.steps}
    for step_id, sources in upstream.items():
        for source in sources:
            downstream[source].append(step_id)
    return Graph(
        name=name,
        interface=TypedInterface(),
        nodes={step.id: _node(step, upstream[step.id], downstream[step.id]) for step in plan.steps},
        roots=tuple(step_id for step_id, sources in upstream.items() if not sources),
        outputs=(_binding("o", plan.output),),
        on_failure=plan.on_failure,
    )


def _node(step: Step, upstream: list[str], downstream: list[str]) -> GraphNode:
    if step.items is not None:
        return _array(step, step.items, upstream, downstream)
    kind = NodeKind.TASK if step.settings else NodeKind.WORKFLOW if step.flow else NodeKind.BRANCH
    return GraphNode(
        id=step.id,
        kind=kind,
        message=Node(id=step.id),
        upstream=tuple(upstream),
        downstream=tuple(downstream),
        inputs=tuple(_binding(var, source) for var, source in step.sources.items()),
        task=_template(step.settings) if step.settings else None,
        settings=step.settings,
        subgraph=graph_of(step.flow, step.id) if step.flow and not step.settings else None,
        branch=_branch(step) if step.arms else None,
        arms=_arms(step) if step.arms else None,
    )


def _template(settings: TaskSettings) -> TaskTemplate:
    interface = TypedInterface(outputs=VariableMap(variables={"o": Variable()}))
    return TaskTemplate(type=settings.task_type, interface=interface)


def _array(step: Step, items: Items, upstream: list[str], downstream: list[str]) -> GraphNode:
    whole = {var: _binding(var, source) for var, source in step.sources.items()}
    listed = [_binding("item", source).binding for source in items.sources]
    bound = BindingData(collection=BindingDataCollection(bindings=listed))
    element = _node(Step(id="element", sources={}, settings=step.settings), [], [])
    graph = Graph(
        name=step.id,
        interface=TypedInterface(),
        nodes={element.id: element},
        roots=(),
        outputs=(),
        on_failure=FailurePolicy.FAIL_AFTER_EXECUTABLE_NODES_COMPLETE
        if items.all_run
        else FailurePolicy.FAIL_IMMEDIATELY,
    )
    return GraphNode(
        id=step.id,
        kind=NodeKind.ARRAY,
        message=Node(id=step.id),
        upstream=tuple(upstream),
        downstream=tuple(downstream),
        inputs=(Binding(var="item", binding=bound), *whole.values()),
        array=Array(
            graph=graph,
            mapped=frozenset({"item"}),
            limit=items.limit,
            min_success_count=items.needed,
        ),
    )


def number_of(literal: Literal) -> int:
    """What a literal counts as: a list as the sum of what is in it, None as nothing."""
    if literal.HasField("collection"):
        return sum(number_of(item) for item in literal.collection.literals)
    return literal.scalar.primitive.integer


def futures_of(plan: Flow, prefix: str = "") -> "Iterator[tuple[str, Expansion, Graph]]":
    """What tasks of a plan go on as: the node's unique id, what its record says, and the graph."""
    yield from _futures_of(plan.steps, prefix)


def _futures_of(steps: "Iterable[Step]", prefix: str) -> "Iterator[tuple[str, Expansion, Graph]]":
    for step in steps:
        node_id = f"{prefix}{step.id}"
        if step.flow is not None and step.settings is not None:
            expansion = Expansion(f"futures of {node_id}", step.min_success_count)
            yield node_id, expansion, graph_of(step.flow, step.id)
        if step.flow is not None:
            yield from futures_of(step.flow, f"{node_id}/")
        yield from _futures_of(step.all_arms(), f"{node_id}/")


def _arms(step: Step) -> Graph:
    arms = list(step.all_arms())
    return Graph(
        name=step.id,
        interface=TypedInterface(),
        nodes={arm.id: _node(arm, [], []) for arm in arms},
        roots=tuple(arm.id for arm in arms),
        outputs=(),
    )


def _branch(step: Step) -> IfElseBlock:
    blocks = [
        IfBlock(
            condition=BooleanExpression(
                comparison=ComparisonExpression(
                    operator=ComparisonExpression.GT,
                    left_value=Operand(var="c"),
                    right_value=Operand(primitive=Primitive(integer=threshold)),
                )
            ),
            then_node=Node(id=arm.id),
        )
        for threshold, arm in step.arms
    ]
    made = IfElseBlock(case=blocks[0], other=blocks[1:])
    if isinstance(step.otherwise, Step):
        made.else_node.CopyFrom(Node(id=step.otherwise.id))
    elif step.otherwise is not None:
        made.error.CopyFrom(Error(message="no arm fits"))
    return made


def _binding(var: str, source: Source) -> Binding:
    if isinstance(source, int):
        return Binding(var=var, binding=BindingData(scalar=literals.integer(source).scalar))
    name = source.rstrip("!")
    output = BROKEN if source.endswith("!") else "o" if name else "x"
    return Binding(var=var, binding=BindingData(promise=OutputReference(node_id=name, var=output)))
