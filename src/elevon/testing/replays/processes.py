"""The process in which a recording is replayed, seen from whoever wants the outcome."""

import subprocess
import sys
from typing import Final

import msgspec

from elevon import errors
from elevon.testing.replays.recordings import Outcome, Recording

_TIME_LIMIT_S: Final = 300.0


def carry_out(recording: Recording, python: str = "") -> Outcome:
    """Replay a recording in a process of its own.

    Args:
        recording: What is replayed.
        python: The interpreter whose environment has the executor; empty for this one.

    Raises:
        UserError: The process ended without an outcome; quotes its last words.
    """
    command = [python or sys.executable, "-m", "elevon.testing.replays"]
    try:
        done = subprocess.run(  # noqa: S603 - our own command line, word by word
            command,
            input=msgspec.msgpack.encode(recording),
            capture_output=True,
            timeout=_TIME_LIMIT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise errors.UserError(f"{recording.code.executor} could not be replayed: {error}") from error
    try:
        return msgspec.msgpack.decode(done.stdout, type=Outcome)
    except msgspec.DecodeError as error:
        words = done.stderr.decode(errors="replace").strip().rpartition("\n")[2] or "it said nothing"
        raise errors.UserError(
            f"{recording.code.executor} could not be replayed, its process ended with {done.returncode}: {words}"
        ) from error
