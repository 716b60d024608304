"""The nodes of a traced workflow, as frozen values between tracing and serialization.

It exists so that tracing knows nothing of identifiers (project, domain, version), which serialization fills in.
Bindings are kept as the wire's messages already; there is no parallel model of them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from elevon.idl import messages
from elevon.primitives import ratios
from elevon.sdk import definitions, interfaces, settings


class Entity(Protocol):
    """What a node can run by name: a task or a workflow."""

    @property
    def site(self) -> definitions.Site:
        """Where it is defined."""
        ...

    @property
    def interface(self) -> interfaces.Interface:
        """What goes in and what comes out."""
        ...


@dataclass(frozen=True, slots=True)
class Case:
    """One case of a branch.

    Attributes:
        condition: When it is taken; None for the last one, `else_`.
        node: What then runs; None for `else_fail`.
    """

    condition: messages.BooleanExpression | None
    node: "Node | None"


@dataclass(frozen=True, slots=True)
class Branch:
    """What `if_` made.

    Attributes:
        cases: In order; the last one has no condition.
        error: What `else_fail` says.
    """

    cases: tuple[Case, ...]
    error: str = ""


@dataclass(frozen=True, slots=True)
class Body:
    """Nodes and what is made of their results."""

    nodes: tuple["Node", ...]
    outputs: tuple[messages.Binding, ...]


@dataclass(frozen=True, slots=True)
class Subflow:
    """A case of a branch that is more than one call: a workflow without a name of its own.

    Attributes:
        name: Full name, made from the workflow around it.
        inputs: What the case reads from around it.
        outputs: What the case yields.
        body: Its nodes.
    """

    name: str
    inputs: Mapping[str, messages.Variable]
    outputs: Mapping[str, messages.Variable]
    body: Body


@dataclass(frozen=True, slots=True)
class MapSettings:
    """How the elements of a mapped task are run, checked. Attributes as in `maps.MapOptions`."""

    concurrency: int | None = None
    min_successes: int | None = None
    min_success_ratio: float | None = None
    run_all_sub_nodes: bool = False

    @property
    def may_lack(self) -> bool:
        """Whether an element may fail without failing the whole."""
        return self.min_successes is not None or self.min_success_ratio not in (None, 1)

    def needed(self, count: int) -> int:
        """How many of so many elements must succeed."""
        if self.min_successes is not None:
            return self.min_successes
        if self.min_success_ratio is None:
            return count
        return ratios.least(self.min_success_ratio, count)


@dataclass(frozen=True, slots=True)
class Mapped:
    """A task that runs once for each item of lists.

    Attributes:
        site: Of the task.
        interface: What the whole takes and gives: lists, where each element gets its own.
        task: What runs.
        bound: Names of the inputs that are the same for all elements.
        settings: How they are run.
    """

    site: definitions.Site
    interface: interfaces.Interface
    task: Entity
    bound: tuple[str, ...]
    settings: MapSettings


@dataclass(frozen=True, slots=True)
class Node:
    """One node.

    Attributes:
        id: Unique in the workflow, cases of branches included.
        name: For people.
        target: What it runs.
        bindings: Its inputs, by name.
        upstream: Ids of the nodes that must have ended before.
        settings: What `with_overrides` said.
    """

    id: str
    name: str
    target: Entity | Branch | Subflow
    bindings: tuple[messages.Binding, ...]
    upstream: tuple[str, ...]
    settings: settings.NodeSettings


def nodes_of(body: Body) -> Iterator[Node]:
    """All nodes of a body, those in cases of branches and in their subflows included."""
    for node in body.nodes:
        yield node
        match node.target:
            case Branch(cases):
                inner = tuple(case.node for case in cases if case.node is not None)
                yield from nodes_of(Body(inner, ()))
            case Subflow(body=inner_body):
                yield from nodes_of(inner_body)
            case _:
                pass
