"""Waitables against the real flytekit, which has a transformer for messages and no word of this one."""

import base64
import json
from pathlib import Path

from elevon.idl.messages import Literal, LiteralType
from elevon.sdk import types
from elevon.sdk.files import IN_PLACE
from elevon.sdk.types import Waitable
from tests.wire.conftest import run_with_flytekit

RUNS = [Waitable("a", "p", "d", "FAILED", "flows.a"), Waitable("b")]
FAILED = 6


def test_flytekit_reads_ours_and_writes_and_declares_the_same(flytekit_python: str) -> None:
    ours = types.to_literal(RUNS, list[Waitable], IN_PLACE)
    given = base64.b64encode(ours.SerializeToString(deterministic=True)).decode()
    said = run_with_flytekit(flytekit_python, str(Path(__file__).with_name("read_waitables.py")), given=given)
    found = json.loads(said)
    assert found["read"] == [["a", FAILED], ["b", 0]]
    theirs = Literal.FromString(base64.b64decode(found["written"]))
    assert types.to_python(theirs, list[Waitable], IN_PLACE) == RUNS
    assert theirs == ours
    declared = LiteralType.FromString(base64.b64decode(found["declared"]))
    assert declared.collection_type.simple == types.literal_type_of(Waitable).simple
    assert declared.collection_type.metadata == types.literal_type_of(Waitable).metadata
