"""The real flytekit, in an environment of its own."""

import subprocess
from collections.abc import Mapping


def run_with_flytekit(
    python: str, *arguments: str, given: str = "", environment: Mapping[str, str] | None = None
) -> str:
    """What a program prints that it runs; fails if it fails."""
    finished = subprocess.run(
        [python, *arguments],
        input=given,
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
        env=environment,
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout
