"""Waitables as user code holds them: references to executions that others wait for.

It owns the class and its form on the wire, which is flyteidl's message as flytekit sends it. It must never ask where
an execution stands: the phase is what somebody wrote there.
"""

from dataclasses import dataclass
from typing import Any, Final, Self, cast

from elevon.errors import UserError
from elevon.idl import literals, waitables
from elevon.idl.messages import Literal, WorkflowExecution
from elevon.records.phases import ExecutionPhase
from elevon.sdk.types import atoms
from elevon.sdk.types.transformers import (
    FileSink,
    FileSource,
    Transformer,
    mismatch,
    packed,
    wrong_literal,
)

_SPELLED: Final = "Waitable (the id of an execution)"
_PHASES: Final = {
    WorkflowExecution.UNDEFINED: None,
    WorkflowExecution.SUCCEEDING: ExecutionPhase.RUNNING,
    WorkflowExecution.TIMED_OUT: ExecutionPhase.FAILED,
    **{WorkflowExecution.Phase.Value(phase): phase for phase in ExecutionPhase},
}


@dataclass(frozen=True, init=False)
class Waitable:
    """A reference to an execution: `Waitable("nightly-42")`.

    As an input of a `waitable_task` it has that task wait for the end of the execution; the task's own code then finds
    the phase in which it ended. Everywhere else it is a value like any other.

    Attributes:
        name: The execution's id.
        project: Its project; empty for that of whoever waits.
        domain: Its domain; likewise.
        phase: Where it stood when this was written; None if nobody has looked.
        workflow: Name of the workflow that it runs, where somebody has looked.
    """

    name: str
    project: str = ""
    domain: str = ""
    phase: ExecutionPhase | None = None
    workflow: str = ""

    def __init__(
        self,
        name: str,
        project: str = "",
        domain: str = "",
        phase: ExecutionPhase | str | None = None,
        workflow: str = "",
    ) -> None:
        """Refer to an execution.

        Args:
            name: Its id.
            project: Its project.
            domain: Its domain.
            phase: Where it stands, such as "SUCCEEDED".
            workflow: Name of the workflow that it runs.

        Raises:
            UserError: The name is empty, or the phase is none.
        """
        if not name:
            raise UserError("Waitable('') names no execution: give its id")
        try:
            known = None if phase is None else ExecutionPhase(phase)
        except ValueError as error:
            raise UserError(
                f"phase={phase!r} of Waitable({name!r}) is none: use one of {', '.join(ExecutionPhase)}"
            ) from error
        given = {"name": name, "project": project, "domain": domain, "phase": known, "workflow": workflow}
        for attribute, value in given.items():
            object.__setattr__(self, attribute, value)

    @classmethod
    def parse(cls, text: str) -> Self:
        """What an id means: `nightly-42`, or with everything `PROJECT:DOMAIN:nightly-42`.

        Raises:
            UserError: It is of another form.
        """
        id_ = waitables.of_json(text).wf_exec_id
        return cls(id_.name, id_.project, id_.domain)

    @property
    def has_ended(self) -> bool:
        """Whether the execution is known to be over."""
        return self.phase is not None and self.phase.is_terminal

    @property
    def has_succeeded(self) -> bool:
        """Whether the execution is known to have succeeded."""
        return self.phase is ExecutionPhase.SUCCEEDED

    def __str__(self) -> str:
        return ":".join(part for part in (self.project, self.domain, self.name) if part)


def of_json(value: Any) -> Waitable:
    """What an id, or the message as JSON data, means.

    Raises:
        UserError: It is neither.
    """
    return _of_message(waitables.of_json(value))


def _of_message(message: waitables.Waitable) -> Waitable:
    id_ = message.wf_exec_id
    return Waitable(id_.name, id_.project, id_.domain, _PHASES[message.phase], message.workflow_id)


def _to_message(value: Any) -> waitables.Waitable:
    if not isinstance(value, Waitable):
        raise mismatch(value, _SPELLED)
    made = waitables.Waitable(workflow_id=value.workflow)
    made.wf_exec_id.name = value.name
    made.wf_exec_id.project, made.wf_exec_id.domain = value.project, value.domain
    if value.phase is not None:
        made.phase = cast("WorkflowExecution.Phase", WorkflowExecution.Phase.Value(value.phase))
    return made


def _encode(value: Any, files: FileSink) -> Literal:
    del files
    return waitables.to_literal(_to_message(value))


def _decode(literal: Literal, files: FileSource) -> Waitable:
    match literals.kind_of(literal):
        case "generic":
            return of_json(literals.plain_of(literal.scalar.generic))
        case "binary":
            return of_json(packed(literal))
        case "union":
            return _decode(literal.scalar.union.value, files)
        case _:
            raise wrong_literal(literal, _SPELLED)


def _is_instance(value: Any) -> bool:
    return type(value) is Waitable


TRANSFORMER: Final = Transformer(
    "Protobuf-Transformer", waitables.literal_type(), "generic", _is_instance, _encode, _decode
)
"""How it travels alone, in lists and in dicts."""
PLAIN: Final = atoms.Plain(
    _is_instance,
    lambda value, files: waitables.to_plain(_to_message(value)),
    lambda value, files: of_json(value),
)
"""How it travels inside a struct."""
