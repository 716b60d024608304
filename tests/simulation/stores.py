"""The store of the simulation: committed rows only, as bytes, and what every batch must satisfy."""

import msgspec

from elevon.compiler.graphs import Graph, TaskSettings
from elevon.records.attempts import AttemptRecord
from elevon.records.changes import Change
from elevon.records.executions import ExecutionRecord
from elevon.records.nodes import NodeRecord
from elevon.records.phases import AttemptPhase, NodePhase
from elevon.records.snapshots import StoredExecution
from elevon.records.transitions import Transition
from tests.simulation.worlds import BrokenPromise, Key

ORDER = {phase: rank for rank, phase in enumerate(AttemptPhase)}
"""An attempt's phases stand in the order in which they may follow each other; of the terminal ones there is one."""
_UNTOLD = {NodePhase.RUNNING, NodePhase.SUCCEEDED, NodePhase.FAILED}
"""Phases of a task node that the rows of its attempts tell."""

_GIVEN_UP = ("the kill was abandoned by", "finalize was abandoned by")


class Store:
    """Rows of one execution."""

    def __init__(self, execution: ExecutionRecord, nodes: list[NodeRecord]) -> None:
        self._execution = msgspec.msgpack.encode(execution)
        self._nodes = {node.node_id: msgspec.msgpack.encode(node) for node in nodes}
        self._attempts: dict[Key, bytes] = {}
        self.history: list[Transition] = []
        self.abandoned: set[Key] = set()
        self.forced: set[Key] = set()
        self.tasks: set[str] = set()
        self.commit_count = 0

    def commit(self, changes: tuple[Change, ...]) -> None:
        """Write one step's changes."""
        self.commit_count += 1
        told = {(row.node_id, row.attempt, row.phase) for row in changes if isinstance(row, Transition)}
        seen: set[object] = set()
        for change in changes:
            match change:
                case ExecutionRecord():
                    key: object = "execution"
                    before = self.execution.phase
                    self._execution = msgspec.msgpack.encode(change)
                    if before is not change.phase:
                        self._expect(
                            ("", None, change.phase) in told, f"the execution's {change.phase} is not told"
                        )
                    self._expect(not before.is_terminal, "an ended execution is changed")
                case NodeRecord():
                    key = change.node_id
                    self._put_node(change, told)
                case AttemptRecord():
                    key = (change.node_id, change.attempt)
                    self._put_attempt(change, told)
                case Transition():
                    key = len(self.history)
                    if change.attempt is not None and change.message.startswith(_GIVEN_UP):
                        self.abandoned.add((change.node_id, change.attempt))
                    if change.attempt is not None and change.message.startswith("failed by an operator"):
                        self.forced.add((change.node_id, change.attempt))
                    self.history.append(
                        msgspec.msgpack.decode(msgspec.msgpack.encode(change), type=Transition)
                    )
                case _:
                    raise BrokenPromise(f"{change!r} is nothing that the machine may write")
            self._expect(key not in seen, f"{key} is written twice in one step")
            seen.add(key)

    def load(self) -> StoredExecution:
        """Everything, freshly decoded."""
        return StoredExecution(
            execution=self.execution,
            nodes=tuple(msgspec.msgpack.decode(raw, type=NodeRecord) for raw in self._nodes.values()),
            attempts=tuple(self.attempts.values()),
            onces=(),
        )

    @property
    def execution(self) -> ExecutionRecord:
        return msgspec.msgpack.decode(self._execution, type=ExecutionRecord)

    @property
    def attempts(self) -> dict[Key, AttemptRecord]:
        return {key: msgspec.msgpack.decode(raw, type=AttemptRecord) for key, raw in self._attempts.items()}

    @property
    def nodes(self) -> dict[str, NodeRecord]:
        return {key: msgspec.msgpack.decode(raw, type=NodeRecord) for key, raw in self._nodes.items()}

    def attempt(self, key: Key) -> AttemptRecord | None:
        raw = self._attempts.get(key)
        return msgspec.msgpack.decode(raw, type=AttemptRecord) if raw is not None else None

    def node(self, node_id: str) -> NodeRecord | None:
        raw = self._nodes.get(node_id)
        return msgspec.msgpack.decode(raw, type=NodeRecord) if raw is not None else None

    def _put_node(self, change: NodeRecord, told: set[tuple[str, int | None, str]]) -> None:
        before = self.node(change.node_id)
        self._nodes[change.node_id] = msgspec.msgpack.encode(change)
        self._expect(
            before is None or not before.phase.is_terminal, f"{change.node_id} is changed after its end"
        )
        is_changed = before is None or before.phase is not change.phase
        is_task = change.node_id in self.tasks and change.expansion is None
        if is_changed and not (is_task and change.phase in _UNTOLD):
            self._expect(
                (change.node_id, None, change.phase) in told,
                f"{change.phase} of {change.node_id} is not told",
            )
        if is_task and is_changed and change.phase in (NodePhase.SUCCEEDED, NodePhase.FAILED):
            self._expect(
                any(row[:2] == (change.node_id, change.attempt) and row[2] == change.phase for row in told),
                f"{change.phase} of {change.node_id} is not told by its attempt",
            )

    def _put_attempt(self, change: AttemptRecord, told: set[tuple[str, int | None, str]]) -> None:
        key = (change.node_id, change.attempt)
        before = self.attempt(key)
        self._attempts[key] = msgspec.msgpack.encode(change)
        name = f"{change.node_id}#{change.attempt}"
        if before is None or before.phase is not change.phase:
            self._expect((*key, change.phase) in told, f"{change.phase} of {name} is not told")
        if before is not None and before.phase is not change.phase:
            self._expect(not before.phase.is_terminal, f"{name} goes from {before.phase} to {change.phase}")
            is_begun = before.started_at is not None
            self._expect(
                not is_begun or ORDER[before.phase] < ORDER[change.phase],
                f"{name} goes back from {before.phase} to {change.phase}",
            )

    def _expect(self, is_kept: bool, story: str) -> None:
        if not is_kept:
            raise BrokenPromise(story)


def settings_by_id(graph: Graph, prefix: str = "") -> dict[str, TaskSettings]:
    """Settings of all task nodes that could ever run, by unique id."""
    found: dict[str, TaskSettings] = {}
    for node in graph.nodes.values():
        node_id = f"{prefix}{node.id}"
        if node.settings is not None:
            found[node_id] = node.settings
        if node.array is not None and node.array.element.settings is not None:
            count = len(node.inputs[0].binding.collection.bindings)
            found |= dict.fromkeys(
                (f"{node_id}/{index}" for index in range(count)), node.array.element.settings
            )
        elif node.inner is not None:
            found |= settings_by_id(node.inner, f"{node_id}/")
    return found
