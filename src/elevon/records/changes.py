"""What one step of the machine changed, in the form that a store commits in one transaction."""

from elevon.records.attempts import AttemptRecord, OnceRecord
from elevon.records.executions import ExecutionRecord
from elevon.records.nodes import NodeRecord
from elevon.records.transitions import Transition

Change = ExecutionRecord | NodeRecord | AttemptRecord | OnceRecord | Transition
