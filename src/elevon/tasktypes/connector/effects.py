"""Calls of a connector service that are made at most once, knowingly.

The protocol has no token of ours and no way to look for a job, so an intent without a result can't be resolved unless
the connector itself creates nothing twice. What the service surely did not do is kept apart, and may be tried again.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from elevon import errors
from elevon.plugin import Intent, TaskContext
from elevon.records.failures import Failure
from elevon.tasktypes.connector.jobs import JobHandle

CREATE, EXECUTE = "create", "execute"


class Effect(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a call went: what `once` commits.

    Attributes:
        job: It created a job.
        resource: A synchronous connector has answered: a serialized `Resource`.
        failure: The connector tried and failed.
        refusal: It surely did nothing, so another call may follow.
    """

    job: JobHandle | None = None
    resource: bytes | None = None
    failure: Failure | None = None
    refusal: str = ""


async def carry_out(
    ctx: TaskContext[Any], what: str, call: Callable[[], Awaitable[Effect]], *, is_idempotent: bool
) -> Effect:
    """Make a call, or say how it went when it was made.

    Args:
        ctx: The task execution.
        what: What the call is and where it is made: of one that was made elsewhere the service here knows nothing.
        call: Makes it.
        is_idempotent: Whether it may be made again when nobody knows whether it was.

    Raises:
        MayHaveHappenedError: Nobody knows, and it may not.
        UnavailableError: It can't be told whether it was made.
    """

    async def submit(_token: str) -> Any:
        return msgspec.to_builtins(await _answered(call))

    async def find(_token: str) -> Any:
        return None  # to make it again finds what was made

    refused_count = 0
    for key, intent in ctx.intents.items():
        if intent.is_done:
            effect = _read(intent)
            if not effect.refusal:
                return effect
            refused_count += 1
        elif not key.startswith(f"{what} "):
            raise errors.MayHaveHappenedError(key, intent.token)
    result = await ctx.once(f"{what} {refused_count}", submit, find if is_idempotent else None)
    return msgspec.convert(result, Effect)


def job_of(ctx: TaskContext[Any]) -> JobHandle | None:
    """The job that was created for an attempt of which no status was committed.

    Raises:
        MayHaveHappenedError: One may have been created that nobody can name.
    """
    for key, intent in ctx.intents.items():
        if not key.startswith(CREATE):
            continue
        if not intent.is_done:
            raise errors.MayHaveHappenedError(key, intent.token)
        job = _read(intent).job
        if job is not None:
            return job
    return None


async def _answered(call: Callable[[], Awaitable[Effect]]) -> Effect:
    """How a call went of which the service has said how it went."""
    try:
        return await call()
    except errors.UnavailableError:
        raise
    except (errors.QuotaError, errors.NotFoundError) as error:
        return Effect(refusal=str(error))
    except errors.ElevonError as error:
        policy = errors.policy_of(error)
        is_final = policy.retry is errors.Retry.NEVER
        return Effect(failure=Failure(policy.code, str(error), policy.kind, is_recoverable=not is_final))


def _read(intent: Intent) -> Effect:
    return msgspec.convert(intent.result, Effect)
