"""The canonical hash is the same wherever it is taken."""

import os
import subprocess
import sys

import pytest

from elevon.idl import hashes, literals

PROGRAM = """
from elevon.idl import hashes, literals
items = {f"key {number} \\N{SNOWMAN}": literals.string(str(number)) for number in range(20)}
print(hashes.digest_of(literals.literal_map(items)))
"""


@pytest.mark.parametrize("implementation", ["upb", "python"])
def test_the_hash_is_the_same_in_other_processes_and_protobuf_implementations(implementation: str):
    items = {f"key {number} \N{SNOWMAN}": literals.string(str(number)) for number in reversed(range(20))}
    environment = os.environ | {"PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION": implementation}
    finished = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert finished.stdout.strip() == hashes.digest_of(literals.literal_map(items))
