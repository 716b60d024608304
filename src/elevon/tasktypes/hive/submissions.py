"""Submissions: what is begun at the backend under tokens of `once`, and what of it may still be there.

It owns the two durable steps of a submission, and how all of an attempt are found again from its intents. It must
never decide whether a query is to be tried again.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from elevon import errors
from elevon.plugin import Intent, TaskContext
from elevon.plugin.transports import TransportError
from elevon.tasktypes.hive.backends.interfaces import Query
from elevon.tasktypes.hive.calls import Calls

_PREPARE: Final = "prepare"
_SUBMIT: Final = "submit"


class Begun(msgspec.Struct, frozen=True, omit_defaults=True):
    """What came of a step: what `once` commits.

    Attributes:
        value: What the backend answered.
        refusal: Why it refused; empty if it did not.
        backend: Who it was.
    """

    value: Any = None
    refusal: str = ""
    backend: str = ""


class Submission(msgspec.Struct, frozen=True, kw_only=True):
    """One try of one query, as far as the intents tell.

    Attributes:
        key: Of the try: `0-1` for the second try of the first query.
        token: Under which it was or would have been submitted; empty if that was not intended yet.
        prepare_token: Under which it was prepared.
        prepared: What the backend prepared.
        handle: What names it; None if nobody knows one.
        is_known: Whether what the submission came to was committed.
        backend: Who was asked, as far as that is known.
    """

    key: str
    token: str = ""
    prepare_token: str = ""
    prepared: Any = None
    handle: Any = None
    is_known: bool = False
    backend: str = ""


def key_of(index: int, try_index: int) -> str:
    """The key of a try of a query."""
    return f"{index}-{try_index}"


async def begin(ctx: TaskContext[Any], calls: Calls, key: str, query: Query) -> tuple[Any, Any, str]:
    """Prepare and submit a query once; what was prepared, its handle, and why it was refused, if it was.

    Raises:
        QuotaError: The service has too much to do; nothing is lost by waiting.
        RetryableError: The service can't be reached.
    """
    calls.ensure_wanted()
    prepared = await _step(ctx, calls, f"{_PREPARE}-{key}", _preparing(calls, query))
    if prepared.refusal:
        return None, None, prepared.refusal

    async def submit(token: str) -> Any:
        return await calls.backend.submit(query, token, prepared.value)

    async def find(token: str) -> Any:
        return await calls.backend.find(token, prepared.value)

    submitted = await _step(ctx, calls, f"{_SUBMIT}-{key}", (submit, find))
    return prepared.value, submitted.value, submitted.refusal


def _preparing(calls: Calls, query: Query) -> tuple[Any, Any]:
    async def prepare(token: str) -> Any:
        return await calls.backend.prepare(query, token)

    async def find(_token: str) -> Any:
        return None  # what was prepared and is not known does no harm: it is prepared again

    return prepare, find


async def _step(ctx: TaskContext[Any], calls: Calls, key: str, step: tuple[Any, Any]) -> Begun:
    """Carry a step out once; that the backend refused it is remembered, as nothing begun."""
    carry_out, find = step
    is_repeated = key in ctx.intents
    name = calls.backend.name

    async def submit(token: str) -> Any:
        try:
            value = await calls.answered(lambda: carry_out(token))
        except TransportError as error:
            if error.is_transient or is_repeated:
                raise error.as_error(f"{key} at the hive backend {name!r}") from error
            return msgspec.to_builtins(Begun(refusal=f"the backend {name!r} refused it: {error}"))
        return msgspec.to_builtins(Begun(value, backend=name))

    async def look(token: str) -> Any:
        value = await calls.converted(f"find of {token}", lambda: find(token))
        return None if value is None else msgspec.to_builtins(Begun(value, backend=name))

    return msgspec.convert(await ctx.once(key, submit, look), Begun)


def all_of(intents: Mapping[str, Intent]) -> Iterator[Submission]:
    """Every try that was intended, oldest first, in whichever step it stopped."""
    keys = dict.fromkeys(key.partition("-")[2] for key in intents)
    for key in keys:
        prepare, submit = intents.get(f"{_PREPARE}-{key}"), intents.get(f"{_SUBMIT}-{key}")
        prepared, submitted = _result(prepare), _result(submit)
        yield Submission(
            key=key,
            token=submit.token if submit else "",
            prepare_token=prepare.token if prepare else "",
            prepared=prepared.value,
            handle=submitted.value,
            is_known=submit is not None and submit.is_done,
            backend=submitted.backend or prepared.backend,
        )


def _result(intent: Intent | None) -> Begun:
    return msgspec.convert(intent.result, Begun) if intent is not None and intent.is_done else Begun()


async def end(calls: Calls, submission: Submission) -> None:
    """See to it that a try runs no more, or will.

    Raises:
        UnavailableError: Another backend has it.
    """
    ensure_backend(calls, submission.backend)
    if submission.is_known:
        if submission.handle is not None:
            await calls.converted(
                f"cancel of {submission.token}", lambda: calls.backend.cancel(submission.handle)
            )
    elif submission.token:
        await calls.converted(
            f"abandon of {submission.token}",
            lambda: calls.backend.abandon(submission.token, submission.prepared),
        )


async def release(calls: Calls, submission: Submission) -> None:
    """Remove what a try has left at the backend.

    Raises:
        UnavailableError: Another backend has it.
    """
    ensure_backend(calls, submission.backend)
    token = submission.token or submission.prepare_token
    await calls.converted(
        f"release of {token}", lambda: calls.backend.release(token, submission.prepared, submission.handle)
    )


def ensure_backend(calls: Calls, name: str) -> None:
    """Do nothing if queries of that backend can be reached.

    Raises:
        UnavailableError: The home has been configured for another one since.
    """
    problem = problem_of_backend(calls, name)
    if problem:
        raise errors.UnavailableError(problem)


def problem_of_backend(calls: Calls, name: str) -> str:
    """Why queries of that backend can't be reached; empty if they can, or nothing was begun at any."""
    if name in ("", calls.backend.name):
        return ""
    return (
        f"the query runs at the hive backend {name!r}, and [executors.hive] backend is {calls.backend.name!r} "
        "now: set it back until what was begun has ended"
    )
