"""How executions end, for whoever prints it: the record, and what its outputs were declared as.

It exists because literals do not know the order of outputs, nor a day from an instant: the closure does.
"""

from collections.abc import Mapping
from typing import NamedTuple

from elevon.admin.views import ExecutionView
from elevon.idl.messages import LiteralType
from elevon.records.executions import ExecutionRecord


class Ending(NamedTuple):
    """One execution when a command is done with it.

    Attributes:
        record: As it is then.
        types: Of its outputs, by name, in order.
    """

    record: ExecutionRecord
    types: Mapping[str, LiteralType]

    @classmethod
    def of(cls, view: ExecutionView) -> "Ending":
        """The execution of a view, as it is there."""
        return cls(view.record, view.outputs)
