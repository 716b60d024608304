"""`python -m elevon.testing.replays`: a recording on stdin, an outcome on stdout, both msgpack.

The process that holds the executor's code and nothing else; with it ends what keeps that code from the world.
"""

import asyncio
import os
import sys
import tempfile
from pathlib import Path

import msgspec

from elevon import errors
from elevon.plugin import discovery, implementations
from elevon.plugin.implementations import Implementation
from elevon.testing.replays import replaying
from elevon.testing.replays.recordings import Code, Outcome, Recording
from elevon.testing.replays.refusals import Refusals


def main() -> None:
    """Replay what is on stdin."""
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as answer:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what the executor prints is no part of the answer
        recording = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Recording)
        answer.write(msgspec.msgpack.encode(_outcome(recording)))


def _outcome(recording: Recording) -> Outcome:
    refusals = Refusals()
    with tempfile.TemporaryDirectory(prefix="elevon-replay-") as scratch:
        try:
            executor = _load(recording.code)
        except errors.ElevonError as error:
            return Outcome(problem=str(error))
        refusals.refuse_the_world()
        return asyncio.run(replaying.replay(recording, executor, Path(scratch), refusals))


def _load(code: Code) -> Implementation:
    sys.path += [place for place in code.search_path if place not in sys.path]
    executor = discovery.load_executor(code.executor)
    config = implementations.configure(executor, code.settings)
    return Implementation.of(executor, config, code.state_limit_bytes)


if __name__ == "__main__":
    main()
