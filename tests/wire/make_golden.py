"""Writes what the real flytekit makes of every sample; run by the Python of an environment with flytekit.

Usage: make_golden.py [FILE]; the default is the committed file. Literals and literal types are stored as base64 of
their deterministic bytes, and the files behind pickles by the uri that stands in the literal.
"""

# flytekit lives in an environment of its own:
# pyright: reportMissingImports=false
import base64
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import samples as wire_samples
from flytekit import FlyteDirectory, FlyteFile
from flytekit.core.context_manager import FlyteContextManager
from flytekit.core.type_engine import TypeEngine

GOLDEN = pathlib.Path(__file__).parent / "golden" / "literals.json"
PICKLED = "pickled://"


def encoded(message):
    return base64.b64encode(message.SerializeToString(deterministic=True)).decode()


def blobs_of(literal):
    """Every blob inside a literal."""
    kind = literal.WhichOneof("value")
    if kind == "collection":
        for item in literal.collection.literals:
            yield from blobs_of(item)
    elif kind == "map":
        for item in literal.map.literals.values():
            yield from blobs_of(item)
    elif literal.scalar.HasField("union"):
        yield from blobs_of(literal.scalar.union.value)
    elif literal.scalar.HasField("blob"):
        yield literal.scalar.blob


def golden():
    context = FlyteContextManager.current_context()
    literals, types, files = {}, {}, {}
    for name, sample in wire_samples.samples(FlyteFile, FlyteDirectory).items():
        literal_type = TypeEngine.to_literal_type(sample.annotation)
        literal = TypeEngine.to_literal(context, sample.value, sample.annotation, literal_type).to_flyte_idl()
        for index, blob in enumerate(blobs_of(literal)):
            if blob.metadata.type.format == "PythonPickle":
                uri = f"{PICKLED}{name}/{index}"
                files[uri] = base64.b64encode(
                    pathlib.Path(blob.uri.removeprefix("file://")).read_bytes()
                ).decode()
                blob.uri = uri
        literals[name], types[name] = encoded(literal), encoded(literal_type.to_flyte_idl())
    return {"literals": literals, "types": types, "files": files}


def main(arguments):
    path = pathlib.Path(arguments[0]) if arguments else GOLDEN
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(golden(), indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
