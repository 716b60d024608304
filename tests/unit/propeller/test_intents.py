"""What `once` has committed, as the driver keeps it."""

import asyncio
from collections.abc import Sequence

import pytest

from elevon.propeller.attempt_services import AttemptIntents
from elevon.records.attempts import OnceRecord
from elevon.records.changes import Change

INTENT = OnceRecord(node_id="n0", key="submit", token="x1-n0-0-submit")  # noqa: S106 - a name


async def test_commit_whose_caller_was_cancelled_is_known_all_the_same():
    begun, may_end, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def commit(_changes: Sequence[Change]) -> None:
        begun.set()
        await may_end.wait()
        asyncio.get_running_loop().call_soon(ended.set)

    intents = AttemptIntents(commit)
    caller = asyncio.ensure_future(intents.commit(INTENT))
    await begun.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert intents.all() == {}
    may_end.set()
    async with asyncio.timeout(5):
        await ended.wait()
    assert intents.all() == {"submit": INTENT}


async def test_commit_that_failed_is_not_known():
    async def commit(_changes: Sequence[Change]) -> None:
        raise OSError("full")

    intents = AttemptIntents(commit)
    with pytest.raises(OSError, match="full"):
        await intents.commit(INTENT)
    assert intents.all() == {}
