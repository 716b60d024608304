"""What is known of an attempt that ran, in the form in which it is fed through its executor again.

It owns the bridge from stored rows to plain values: the process that replays knows no store and no workflow.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from elevon import errors
from elevon.compiler.graphs import Array, Graph, GraphNode
from elevon.idl.messages import LiteralMap
from elevon.plugin.states import STATE_LIMIT_BYTES
from elevon.propeller.machine import arrays, bindings
from elevon.records.attempts import AttemptRecord, OnceRecord
from elevon.records.identities import AttemptId
from elevon.records.snapshots import StoredExecution
from elevon.records.transitions import Transition


class Code(msgspec.Struct, frozen=True, kw_only=True):
    """The executor's code and its surroundings.

    Attributes:
        executor: Its class, `module:Class`.
        search_path: Directories that are importable beside the installed packages.
        settings: Its configuration, as it was read.
        state_limit_bytes: Largest encoded custom state.
        pools: Names of the resource pools that are configured.
    """

    executor: str
    search_path: tuple[str, ...] = ()
    settings: Mapping[str, Any] = {}
    state_limit_bytes: int = STATE_LIMIT_BYTES
    pools: tuple[str, ...] = ()


class Recording(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt that ran.

    Attributes:
        code: What it is replayed with.
        attempt: Which one.
        template: Its serialized `TaskTemplate`, overrides applied.
        inputs: Its serialized inputs; None if they can't be put together any more.
        record: Its current row.
        history: Its rows of history, in order.
        onces: What `once` has committed for it.
        outputs: Serialized outputs, if it succeeded.
        is_expanded: Whether it succeeded with futures.
        is_last: Whether no retry of the user's was left after it.
        data_dir: Where its files are.
    """

    code: Code
    attempt: AttemptId
    template: bytes
    inputs: bytes | None
    record: AttemptRecord
    history: tuple[Transition, ...]
    onces: tuple[OnceRecord, ...]
    outputs: bytes | None
    is_expanded: bool = False
    is_last: bool
    data_dir: str


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one recorded step.

    Attributes:
        step: Which one, in words.
        recorded: What was recorded.
        found: What the code says now.
        is_same: Whether the two agree; None where that could not be found out without the service.
        note: What differs, or what the service was needed for.
    """

    step: str
    recorded: str
    found: str
    is_same: bool | None
    note: str = ""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a replay came to.

    Attributes:
        verdicts: One for each recorded step, in order.
        problem: Why there are none: the executor can't be had; empty if it can.
    """

    verdicts: tuple[Verdict, ...] = ()
    problem: str = ""


class Ran(msgspec.Struct, frozen=True):
    """An execution with all that it ran.

    Attributes:
        stored: All its rows.
        graph: Its workflow.
        expansions: The graphs of the futures that its nodes went on as, by the digests of their closures.
    """

    stored: StoredExecution
    graph: Graph
    expansions: Mapping[str, Graph]


def of(
    ran: Ran,
    record: AttemptRecord,
    history: Sequence[Transition],
    code: Code,
    data_dir: str,
) -> Recording:
    """Put a recording together.

    Args:
        ran: The execution.
        record: The attempt's row.
        history: The attempt's history.
        code: What it is to be replayed with.
        data_dir: Where the attempt's files are.
    """
    stored = ran.stored
    node, inputs = _Walk(ran).reach(ran.graph, record.node_id)
    if node.task is None or node.settings is None:
        raise errors.BugError(f"node {record.node_id!r} has an attempt and no task")
    rows = {one.node_id: one for one in stored.nodes}
    own = rows[record.node_id]
    return Recording(
        code=code,
        attempt=AttemptId(stored.execution.id, record.node_id, record.attempt),
        template=node.task.SerializeToString(deterministic=True),
        inputs=inputs,
        record=record,
        history=tuple(history),
        onces=tuple(
            one for one in stored.onces if (one.node_id, one.attempt) == (record.node_id, record.attempt)
        ),
        outputs=own.outputs if own.attempt == record.attempt else None,
        is_expanded=own.attempt == record.attempt and own.expansion is not None,
        is_last=record.attempt >= node.settings.retries,
        data_dir=data_dir,
    )


class _Walk:
    """The way from the workflow down to one of its nodes, with the data on it."""

    def __init__(self, ran: Ran) -> None:
        self._rows = {one.node_id: one for one in ran.stored.nodes}
        self._inputs = LiteralMap.FromString(ran.stored.execution.inputs)
        self._expansions = ran.expansions

    def reach(self, graph: Graph, node_id: str) -> tuple[GraphNode, bytes | None]:
        """The node, and its inputs if they can still be put together."""
        inputs: LiteralMap | None = self._inputs
        at = data_at = ""
        array: Array | None = None
        *above, last = node_id.split("/")
        for step in above:
            node = graph.nodes[step] if array is None else array.element
            array = node.array
            at = f"{at}/{step}" if at else step
            if node.subgraph is not None:
                inputs = self._resolved(node, data_at, inputs)
                graph, data_at = node.subgraph, at
            elif array is not None:
                inputs = self._resolved(node, data_at, inputs)
            elif node.arms is not None:
                graph = node.arms
            elif (expansion := self._rows[at].expansion) is not None:
                graph, data_at = self._expansions[expansion.closure_digest], at
                inputs = LiteralMap()
        if array is not None:
            node = array.element
            resolved = (
                None
                if inputs is None
                else arrays.element_inputs(array, arrays.lists_of(array, inputs), int(last))
            )
        else:
            node = graph.nodes[last]
            resolved = self._resolved(node, data_at, inputs)
        return node, None if resolved is None else resolved.SerializeToString(deterministic=True)

    def _resolved(self, node: GraphNode, data_at: str, inputs: LiteralMap | None) -> LiteralMap | None:
        if inputs is None:
            return None
        try:
            return bindings.resolve(node.inputs, self._outputs_of(data_at, inputs))
        except errors.UserError:
            return None

    def _outputs_of(self, data_at: str, inputs: LiteralMap) -> Callable[[str], LiteralMap]:
        def look_up(spec_node_id: str) -> LiteralMap:
            if not spec_node_id:
                return inputs
            row = self._rows.get(f"{data_at}/{spec_node_id}" if data_at else spec_node_id)
            if row is None or row.outputs is None:
                raise errors.UserError(f"node {spec_node_id!r} has no outputs")
            return LiteralMap.FromString(row.outputs)

        return look_up
