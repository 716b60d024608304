"""Decodes literals with the real flytekit; run by the Python of an environment with flytekit.

Reads an object of base64 literals by the name of their sample on stdin, and prints an object that says, by name, what
was wrong with each that did not become the sample's value.
"""

# flytekit lives in an environment of its own:
# pyright: reportMissingImports=false
import base64
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import samples as wire_samples
from flyteidl.core import literals_pb2
from flytekit import FlyteDirectory, FlyteFile
from flytekit.core.context_manager import FlyteContextManager
from flytekit.core.type_engine import TypeEngine
from flytekit.models.literals import Literal


def is_same(value, expected):
    if isinstance(expected, FlyteFile | FlyteDirectory):
        return type(value) is type(expected) and value.remote_source == expected.path
    if isinstance(expected, wire_samples.samples(FlyteFile, FlyteDirectory)["dataclass_files"].annotation):
        return is_same(value.data, expected.data) and is_same(value.parts, expected.parts)
    return value == expected and type(value) is type(expected)


def problems(literals):
    context = FlyteContextManager.current_context()
    known = wire_samples.samples(FlyteFile, FlyteDirectory)
    for name, text in literals.items():
        literal = Literal.from_flyte_idl(literals_pb2.Literal.FromString(base64.b64decode(text)))
        try:
            value = TypeEngine.to_python_value(context, literal, known[name].annotation)
        except Exception as error:  # noqa: BLE001 - whatever flytekit raises is the finding
            yield name, repr(error)
        else:
            if not is_same(value, known[name].decoded):
                yield name, f"{value!r} is not {known[name].decoded!r}"


if __name__ == "__main__":
    print(json.dumps(dict(problems(json.load(sys.stdin)))))
