"""Reads and writes waitables with the real flytekit; run by the Python of an environment with flytekit.

Reads the base64 of a literal list of them on stdin, and prints the id and the phase of each, what flytekit makes of the
same messages, and the literal type that it declares.
"""

# flytekit lives in an environment of its own:
# pyright: reportMissingImports=false
import base64
import json
import sys

from flyteidl.core import literals_pb2
from flyteidl.plugins.waitable_pb2 import Waitable
from flytekit.core.context_manager import FlyteContextManager
from flytekit.core.type_engine import TypeEngine
from flytekit.models.literals import Literal


def encoded(model) -> str:
    return base64.b64encode(model.to_flyte_idl().SerializeToString(deterministic=True)).decode()


if __name__ == "__main__":
    context = FlyteContextManager.current_context()
    literal = Literal.from_flyte_idl(literals_pb2.Literal.FromString(base64.b64decode(sys.stdin.read())))
    read = TypeEngine.to_python_value(context, literal, list[Waitable])
    declared = TypeEngine.to_literal_type(list[Waitable])
    written = TypeEngine.to_literal(context, read, list[Waitable], declared)
    found = {
        "read": [[one.wf_exec_id.name, one.phase] for one in read],
        "written": encoded(written),
        "declared": encoded(declared),
    }
    print(json.dumps(found))
