"""elevon's literals against those of the real flytekit 1.16, byte for byte and both ways."""

import base64
import json
import pickle
from pathlib import Path
from typing import Any

import pytest

from elevon.idl import messages
from elevon.sdk import types
from tests.wire import samples as wire_samples
from tests.wire.conftest import run_with_flytekit

HERE = Path(__file__).parent
GOLDEN = json.loads((HERE / "golden" / "literals.json").read_text(encoding="utf-8"))
SAMPLES = wire_samples.samples(types.File, types.Directory)
PICKLED = sorted(name for name in SAMPLES if name.startswith("pickle_"))


class Store:
    """Files in memory by uri, laid out on disk when they are read."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files: dict[str, bytes] = {uri: base64.b64decode(held) for uri, held in GOLDEN["files"].items()}

    def upload(self, local_path: Path) -> str:
        return self.keep(local_path.read_bytes())

    def keep(self, content: bytes) -> str:
        uri = f"pickled://upload/{len(self.files)}"
        self.files[uri] = content
        return uri

    def download(self, uri: str) -> Path:
        path = self.root / uri.rpartition("//")[2].replace("/", "_")
        path.write_bytes(self.files[uri])
        return path


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def golden_literal(name: str) -> messages.Literal:
    return messages.Literal.FromString(base64.b64decode(GOLDEN["literals"][name]))


def golden_type(name: str) -> messages.LiteralType:
    return messages.LiteralType.FromString(base64.b64decode(GOLDEN["types"][name]))


def made(name: str, store: Store) -> messages.Literal:
    return types.to_literal(SAMPLES[name].value, SAMPLES[name].annotation, store)


def blobs_of(literal: messages.Literal) -> list[messages.Blob]:
    if literal.HasField("collection"):
        return [blob for item in literal.collection.literals for blob in blobs_of(item)]
    return [literal.scalar.blob]


def pickled_values(literal: messages.Literal, store: Store) -> list[Any]:
    contents = [store.files[blob.uri] for blob in blobs_of(literal)]
    return [pickle.loads(content) for content in contents]  # noqa: S301 - our own golden file


def test_golden_file_and_samples_hold_the_same_names():
    assert set(GOLDEN["literals"]) == set(SAMPLES)


@pytest.mark.parametrize("name", sorted(set(SAMPLES) - set(PICKLED)))
def test_literals_equal_flytekits_byte_for_byte(name: str, store: Store):
    expected = base64.b64decode(GOLDEN["literals"][name])
    assert made(name, store).SerializeToString(deterministic=True) == expected


@pytest.mark.parametrize("name", PICKLED)
def test_pickled_literals_equal_flytekits_but_for_the_place_of_the_file(name: str, store: Store):
    ours, theirs = made(name, store), golden_literal(name)
    assert pickled_values(ours, store) == pickled_values(theirs, store)
    for literal in (ours, theirs):
        for blob in blobs_of(literal):
            blob.uri = ""
    assert ours == theirs


# The declared type of a path names its class, whose module Python 3.13 has renamed.
@pytest.mark.parametrize("name", sorted(set(SAMPLES) - {"dataclass_path"}))
def test_literal_types_equal_flytekits(name: str):
    assert types.literal_type_of(SAMPLES[name].annotation) == golden_type(name)


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_literals_of_flytekit_become_the_values_they_were_made_of(name: str, store: Store):
    value = types.to_python(golden_literal(name), SAMPLES[name].annotation, store)
    assert value == SAMPLES[name].decoded
    assert type(value) is type(SAMPLES[name].decoded)


def test_committed_golden_is_what_flytekit_makes(flytekit_python: str, tmp_path: Path):
    fresh = tmp_path / "literals.json"
    run_with_flytekit(flytekit_python, str(HERE / "make_golden.py"), str(fresh))
    remade = json.loads(fresh.read_text(encoding="utf-8"))
    assert remade["literals"] == GOLDEN["literals"]
    assert remade["types"] == GOLDEN["types"]


def test_flytekit_reads_literals_made_here(flytekit_python: str, tmp_path: Path, store: Store):
    literals: dict[str, Any] = {}
    for name in SAMPLES:
        literal = made(name, store)
        for blob in blobs_of(literal):
            if blob.uri.startswith("pickled://"):
                blob.uri = str(store.download(blob.uri))
        literals[name] = base64.b64encode(literal.SerializeToString()).decode()
    printed = run_with_flytekit(flytekit_python, str(HERE / "read_literals.py"), given=json.dumps(literals))
    problems = json.loads(printed.splitlines()[-1])  # flytekit logs to the same stream
    assert problems == {}
