"""One step in the making: changed records, history and commands, collected while the view moves on."""

from collections import deque
from datetime import datetime, timedelta

import msgspec

from elevon import errors
from elevon.compiler.graphs import GraphNode
from elevon.propeller.machine import commands
from elevon.propeller.machine.events import TimerKind
from elevon.propeller.machine.views import AttemptKey, Live, Scope, View
from elevon.records.answers import CallKind
from elevon.records.attempts import AttemptRecord
from elevon.records.changes import Change
from elevon.records.executions import ExecutionRecord
from elevon.records.nodes import Expansion, NodeRecord
from elevon.records.phases import NodePhase
from elevon.records.transitions import Transition


class NodeIsReady(msgspec.Struct, frozen=True):
    """Cascade: all that the node waited for has outputs."""

    scope: Scope
    spec_node_id: str


class AttemptEnded(msgspec.Struct, frozen=True):
    """Cascade: the attempt reached a terminal phase; its node has to follow."""

    record: AttemptRecord
    outputs: bytes | None
    expansion: Expansion | None = None


class AttemptHeard(msgspec.Struct, frozen=True):
    """Cascade: the executor has answered for the first time since the engine took the attempt up again."""

    node_id: str
    attempt: int


class ScopeDrained(msgspec.Struct, frozen=True):
    """Cascade: no node of the scope is active any more."""

    scope: Scope


Cascade = NodeIsReady | AttemptEnded | AttemptHeard | ScopeDrained
_UNTOLD = frozenset({NodePhase.QUEUED, NodePhase.ABORTED, NodePhase.SKIPPED})


class Step(msgspec.Struct, frozen=True):
    """What one event led to.

    Attributes:
        changes: To be committed in one transaction, each record once.
        commands: To be carried out after that commit, in order.
    """

    changes: tuple[Change, ...]
    commands: tuple[commands.Command, ...]


class Draft:
    """Applies changes to the view at once and remembers them for the store.

    Args:
        view: The execution; it is changed in place.
        event: Name of the event, for the history.
        now: The instant of the step.

    Attributes:
        cascades: What is still to be followed up in this step.
        answered: The attempt whose executor answered, if that is what happened.
    """

    def __init__(self, view: View, event: str, now: datetime) -> None:
        self.view = view
        self.now = now
        self._event = event
        self._execution: ExecutionRecord | None = None
        self._nodes: dict[str, NodeRecord] = {}
        self._attempts: dict[AttemptKey, AttemptRecord] = {}
        self._transitions: list[Transition] = []
        self._commands: list[commands.Command] = []
        self.cascades: deque[Cascade] = deque()
        self.answered: AttemptKey | None = None

    def finish(self) -> Step:
        """Hand the step over."""
        records: list[Change] = [*self._nodes.values(), *self._attempts.values()]
        if self._execution is not None:
            records.append(self._execution)
        return Step((*records, *self._transitions), tuple(self._commands))

    def command(self, command: commands.Command) -> None:
        """Have it carried out after the commit."""
        self._commands.append(command)

    def put_execution(self, record: ExecutionRecord, message: str = "") -> None:
        """Change the execution's record; a changed phase goes into the history."""
        if record.phase is not self.view.execution.phase:
            self._transitions.append(
                Transition(phase=record.phase, at=self.now, event=self._event, message=message)
            )
        self.view.execution = self._execution = record

    def new_node(self, scope: Scope, node: GraphNode, phase: NodePhase) -> NodeRecord:
        """The first record of a node, which begins now; it has yet to be put."""
        return NodeRecord(
            node_id=scope.node_id(node.id),
            spec_node_id=node.id,
            parent=scope.id,
            name=node.name if self.view.expansions else "",
            phase=phase,
            started_at=self.now,
        )

    def put_node(self, record: NodeRecord) -> None:
        """Change a node's record.

        Its history has a row only for what no attempt's row says: nodes that are no tasks or go on as futures, and
        those that end or wait without an attempt.
        """
        before = self.view.nodes.get(record.node_id)
        is_task = self.view.place(record.node_id).node.task is not None and record.expansion is None
        is_told = is_task and record.phase not in _UNTOLD
        if not is_told and (before is None or before.phase is not record.phase):
            self._transitions.append(
                Transition(
                    node_id=record.node_id,
                    phase=record.phase,
                    at=self.now,
                    event=self._event,
                    message=record.failure.message if record.failure else "",
                )
            )
        self.view.nodes[record.node_id] = self._nodes[record.node_id] = record

    def put_attempt(
        self, record: AttemptRecord, occurred_at: datetime | None = None, message: str = ""
    ) -> None:
        """Change an attempt's record; a changed pair of phase and version goes into the history, with its state."""
        key = (record.node_id, record.attempt)
        before = self.view.attempts.get(key)
        self.view.attempts[key] = self._attempts[key] = record
        is_reported = (
            before is None
            or (before.phase, before.phase_version) != (record.phase, record.phase_version)
            or before.is_parked is not record.is_parked
            or bool(message)
        )
        is_state_new = record.custom_state is not None and (
            before is None or before.custom_state != record.custom_state
        )
        if is_reported or is_state_new:
            self._transitions.append(
                Transition(
                    node_id=record.node_id,
                    attempt=record.attempt,
                    phase=record.phase,
                    phase_version=record.phase_version,
                    at=self.now,
                    occurred_at=occurred_at,
                    event=self._event,
                    message=message or (record.failure.message if record.failure else record.reason),
                    custom_state=record.custom_state if is_state_new else None,
                    state_version=record.state_version if is_state_new else 0,
                    called_at=self.live(record).called_at if self.answered == key else None,
                )
            )

    def live(self, record: AttemptRecord) -> Live:
        """The volatile side of an attempt."""
        key = (record.node_id, record.attempt)
        if key not in self.view.live:
            self.view.live[key] = Live()
        return self.view.live[key]

    def call(
        self, record: AttemptRecord, kind: CallKind, *, may_have_happened: bool = False, reason: str = ""
    ) -> None:
        """Have the executor called; the attempt must have no call in flight."""
        live = self.live(record)
        if live.call is not None:
            raise errors.BugError(
                f"{record.node_id}#{record.attempt} of {self.view.execution.id} is {record.phase} with a {live.call} "
                f"call in flight and was about to be asked to {kind}"
            )
        live.call = kind
        live.called_at = self.now
        live.due_at = None
        live.is_woken = False
        self._commands.append(commands.Call(record.node_id, record.attempt, kind, may_have_happened, reason))

    def call_after(self, record: AttemptRecord, wait: timedelta) -> None:
        """Set the timer of the attempt's next call."""
        at = self.now + wait
        self.live(record).due_at = at
        self._commands.append(commands.SetTimer(record.node_id, record.attempt, TimerKind.CALL, at))
