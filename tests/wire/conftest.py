"""The real flytekit, in an environment of its own."""

import os
import subprocess
import tempfile
from collections.abc import Mapping


def run_with_flytekit(
    python: str, *arguments: str, given: str = "", environment: Mapping[str, str] | None = None
) -> str:
    """What a program prints that it runs; fails if it fails."""
    with tempfile.TemporaryDirectory() as place:  # flytekit removes nothing of what it makes there
        finished = subprocess.run(
            [python, *arguments],
            input=given,
            capture_output=True,
            text=True,
            check=False,
            timeout=50,
            env={**(os.environ if environment is None else environment), "TMPDIR": place},
        )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout
