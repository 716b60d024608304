"""How executions end, for whoever prints it: the record, and what its outputs were declared as.

It exists because literals do not know the order of outputs, nor a day from an instant: the closure does.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from elevon.admin.views import ExecutionView
from elevon.cli.exits import Exit
from elevon.idl.messages import LiteralType
from elevon.records.attempts import AttemptRecord
from elevon.records.executions import ExecutionRecord
from elevon.records.phases import ExecutionPhase


class Ending(NamedTuple):
    """One execution when a command is done with it.

    Attributes:
        record: As it is then.
        types: Of its outputs, by name, in order.
        stalls: Its attempts that wait for an operator, if that is why it was left unfinished.
    """

    record: ExecutionRecord
    types: Mapping[str, LiteralType]
    stalls: Sequence[AttemptRecord] = ()

    @classmethod
    def of(cls, view: ExecutionView) -> "Ending":
        """The execution of a view, as it is there."""
        return cls(view.record, view.outputs)

    @property
    def exit_code(self) -> Exit:
        """The code for an execution that ended, or that was left: by a person, or by an engine that could not go on."""
        phase = self.record.phase
        if phase.is_terminal:
            return Exit.SUCCEEDED if phase is ExecutionPhase.SUCCEEDED else Exit.FAILED
        return Exit.STOPPED if self.stalls else Exit.SUSPENDED
