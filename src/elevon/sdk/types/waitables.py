"""Waitables as user code holds them: references to executions that others wait for.

It owns the class. It must never ask where an execution stands: the phase is what somebody wrote there. Nor must it load
the message that a reference is on the wire, which no process pays for that has none: `waitable_forms` does.
"""

from dataclasses import dataclass
from typing import Self

from elevon.errors import UserError
from elevon.records.phases import ExecutionPhase


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
            UserError: The name is empty or has spaces, as no id has, or the phase is none.
        """
        if not name:
            raise UserError("Waitable('') names no execution: give its id")
        if any(part.split() != [part] for part in (name, project, domain) if part):
            given_id = ":".join(part for part in (project, domain, name) if part)
            raise UserError(f"{given_id!r} is no id of an execution: it has spaces")
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
        from elevon.idl import waitables

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
