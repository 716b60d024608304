"""How a runner is asked: a line of JSON in, a line of JSON out.

It owns the runner's side of the pipe, and keeps it clean of whatever a measured library prints. It must import nothing
but the standard library: each runner has an environment of its own.
"""

import json
import os
import resource
import sys
from typing import Any, TextIO


def answers() -> TextIO:
    """The pipe to whoever asks; from here on everything printed goes to stderr."""
    pipe = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    os.dup2(2, 1)
    return pipe


def read() -> dict[str, Any] | None:
    """The next request; None when there will be none."""
    line = sys.stdin.readline()
    return json.loads(line) if line else None


def answer(pipe: TextIO, **content: Any) -> None:
    """Send what was measured."""
    print(json.dumps(content), file=pipe)


def peak_bytes() -> int:
    """The most memory that this process has had resident so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
