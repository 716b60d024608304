"""The process in which a recording is replayed, seen from whoever wants the outcome."""

import subprocess
from typing import Final

import msgspec

from elevon import errors
from elevon.plugin.descriptions import HostSettings
from elevon.plugin.processes import surroundings
from elevon.testing.replays.recordings import Outcome, Recording

HERE: Final = HostSettings(name="replay", is_shared=False)
"""The environment of this process."""
_TIME_LIMIT_S: Final = 300.0


def carry_out(recording: Recording, host: HostSettings = HERE) -> Outcome:
    """Replay a recording in a process of its own.

    Args:
        recording: What is replayed.
        host: In whose environment the executor is.

    Raises:
        UserError: The process ended without an outcome; quotes its last words.
    """
    command = [surroundings.python_of(host), "-P", "-m", "elevon.testing.replays"]
    try:
        done = subprocess.run(  # noqa: S603 - our own command line, word by word
            command,
            input=msgspec.msgpack.encode(recording),
            capture_output=True,
            env=surroundings.environment(host),
            timeout=_TIME_LIMIT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise errors.UserError(f"{recording.code.executor} could not be replayed: {error}") from error
    try:
        return msgspec.msgpack.decode(done.stdout, type=Outcome)
    except msgspec.DecodeError as error:
        words = surroundings.last_line(done.stderr) or "it said nothing"
        raise errors.UserError(
            f"{recording.code.executor} could not be replayed, its process ended with {done.returncode}: {words}"
        ) from error
