"""What a `waitable` awaits, as its custom state keeps it: which executions, and how each that has ended did.

It owns the form, which is small: ten thousand executions fit into a state. It must never ask anybody.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from elevon import errors
from elevon.idl import waitables
from elevon.idl.messages import LiteralMap, WorkflowExecution
from elevon.idl.waitables import Waitable
from elevon.plugin import STATE_LIMIT_BYTES
from elevon.records.identities import ExecutionId
from elevon.records.phases import ExecutionPhase

UNSEEN: Final = "?"
"""The mark of an execution of which nothing is known yet."""
UNDER_WAY: Final = "."
"""The mark of one that was seen, and has not ended."""
MARKS: Final = {ExecutionPhase.SUCCEEDED: "S", ExecutionPhase.FAILED: "F", ExecutionPhase.ABORTED: "A"}
"""The marks of those that have ended."""
_PHASES: Final = {mark: phase for phase, mark in MARKS.items()}
_WIRE_MARKS: Final = {
    WorkflowExecution.SUCCEEDED: "S",
    WorkflowExecution.FAILED: "F",
    WorkflowExecution.TIMED_OUT: "F",
    WorkflowExecution.ABORTED: "A",
}
_SPARE_BYTES: Final = 1024


class Group(msgspec.Struct, frozen=True, array_like=True):
    """Executions of one project and domain.

    Attributes:
        project: The project.
        domain: The domain.
        names: Their names, with a space between two.
        marks: How each stands, a letter for each.
    """

    project: str
    domain: str
    names: str
    marks: str


class WaitableState(msgspec.Struct, frozen=True, omit_defaults=True):
    """All that survives a restart of the engine.

    Attributes:
        groups: What is awaited.
        inputs_uri: Where the inputs of the user's code are, with the final phases; empty while something is awaited.
    """

    groups: tuple[Group, ...] = ()
    inputs_uri: str = ""

    @classmethod
    def of(cls, awaited: Mapping[ExecutionId, str]) -> "WaitableState":
        """The state that awaits these executions, of which each has a mark."""
        names: dict[tuple[str, str], list[ExecutionId]] = {}
        for execution in awaited:
            names.setdefault((execution.project, execution.domain), []).append(execution)
        return cls(
            tuple(
                Group(
                    project,
                    domain,
                    " ".join(one.name for one in members),
                    "".join(awaited[one] for one in members),
                )
                for (project, domain), members in names.items()
            )
        )

    @property
    def awaited(self) -> dict[ExecutionId, str]:
        """The executions, each with its mark."""
        return {
            ExecutionId(group.project, group.domain, name): mark
            for group in self.groups
            for name, mark in zip(group.names.split(" "), group.marks, strict=True)
        }


def awaited_in(inputs: LiteralMap, own: ExecutionId) -> dict[ExecutionId, str]:
    """The executions that inputs refer to, each with its mark: one that has ended by what is said there needs no wait.

    Args:
        inputs: Of the task.
        own: The execution that waits; what is left out of a reference is its.

    Raises:
        UserError: A reference is wrong, or leads to the execution that waits; or there are too many for a state.
    """
    found: dict[ExecutionId, str] = {}

    def note(place: str, waitable: Waitable) -> None:
        execution = execution_of(waitable, own)
        if execution == own:
            raise errors.UserError(
                f"{place} refers to {own.name}, the execution that would wait for it: it never ends"
            )
        if any(part.split() != [part] for part in (execution.project, execution.domain, execution.name)):
            raise errors.UserError(f"{place} refers to {str(execution)!r}, which is no id of an execution")
        found.setdefault(execution, UNSEEN)
        if waitables.has_ended(waitable):
            found[execution] = _WIRE_MARKS[waitable.phase]

    waitables.visited(inputs, note)
    if len(msgspec.json.encode(WaitableState.of(found))) > STATE_LIMIT_BYTES - _SPARE_BYTES:
        raise errors.UserError(
            f"the inputs refer to {len(found)} executions, more than one task can wait for: let several tasks do it"
        )
    return found


def with_ends(
    inputs: LiteralMap,
    own: ExecutionId,
    awaited: Mapping[ExecutionId, str],
    workflows: Mapping[ExecutionId, str],
) -> LiteralMap:
    """A copy of inputs in which each reference says how its execution has ended, and which workflow it ran.

    Args:
        inputs: Of the task.
        own: The execution that has waited.
        awaited: How each has ended.
        workflows: What each ran, as far as somebody knows.
    """

    def rewritten(_place: str, waitable: Waitable) -> Waitable | None:
        execution = execution_of(waitable, own)
        phase = _PHASES.get(awaited.get(execution, ""))
        if phase is None or waitables.has_ended(waitable):
            return None
        made = Waitable(workflow_id=waitable.workflow_id or workflows.get(execution, ""))
        id_ = made.wf_exec_id
        id_.project, id_.domain, id_.name = execution.project, execution.domain, execution.name
        made.phase = getattr(WorkflowExecution, phase)
        return made

    return waitables.visited(inputs, rewritten)


def execution_of(waitable: Waitable, own: ExecutionId) -> ExecutionId:
    """The execution that a reference leads to, if it stands in an execution `own`."""
    id_ = waitable.wf_exec_id
    return ExecutionId(id_.project or own.project, id_.domain or own.domain, id_.name)
