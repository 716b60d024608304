"""`WebApiExecutor`: for services that are told by calls to make, show and end something.

The author writes `create`, `get` or `get_many`, `delete` and `status`; the base owns all that is hard about it: one
creation through any crash, one poll for all attempts, quotas, time-outs, overload, and what to do when nobody knows
whether something was created. It must never keep a truth in memory: what is polled comes back from custom state.
"""

import abc
import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Annotated, Any, ClassVar, Generic, TypeVar

import msgspec

from elevon import errors
from elevon.idl.messages import LiteralMap, TaskTemplate
from elevon.plugin import transports
from elevon.plugin.contexts import SetupContext, TaskContext
from elevon.plugin.declarations import declared_types
from elevon.plugin.executors import Executor
from elevon.plugin.pools import ResourcePool
from elevon.plugin.services import Follower, ServiceCalls, ServiceConfig
from elevon.plugin.statuses import TaskStatus
from elevon.plugin.trackers import Tracked
from elevon.plugin.transports import TransportError

M = TypeVar("M")
R = TypeVar("R")
T = TypeVar("T")
_CREATE = "create"


class WebApiConfig(ServiceConfig, frozen=True, kw_only=True):
    """What every `WebApiExecutor` can be told; derive from it to add an address and more.

    Attributes:
        resync_s: News of a resource is known within so many seconds; it is asked for a little more often.
        page_size: The most resources that `get_many` is asked for at once.
        workers: Pages that are asked for at the same time.
        calls: Calls other than polls at the same time; others wait for their turn.
        cache_size: Resources that are followed at the same time.
        check_s: An attempt of which nothing is heard is looked at after so many seconds all the same.
        call_s: A call that takes longer, in seconds, has failed; so long an attempt waits for its turn at a time.
        failed_limit: After more failed syncs in a row, the attempt's check fails.
        missing_limit: After more syncs in a row that do not find it, a resource is lost.
        pool: Name of the resource pool of which each attempt holds a token from its start to its end; empty for none.
    """

    calls: Annotated[int, msgspec.Meta(ge=1)] = 16


class ResourceState(msgspec.Struct, Generic[R], frozen=True, omit_defaults=True):
    """The custom state of every `WebApiExecutor`: all that is needed to find the resource again.

    Attributes:
        meta: What `create` returned; None while there is nothing.
        refusal: Why the service refused to create it; empty if it did not.
    """

    meta: R | None = None
    refusal: str = ""


class Submission(msgspec.Struct, Generic[M], frozen=True):
    """What a resource is made of.

    Attributes:
        ctx: The task execution.
        template: The task's template.
        spec: `template.custom`, decoded as the declared message.
        inputs: The inputs, literals by name.
    """

    ctx: TaskContext[Any]
    template: TaskTemplate
    spec: M
    inputs: LiteralMap


class WebApiExecutor(Executor[M, ResourceState[R]], Generic[M, R, T]):
    """An executor whose work is a resource of a service.

    Subclass it as `WebApiExecutor[Message, Meta, Resource]`: the message or None, what names a resource (anything that
    JSON keeps, and small: it is the custom state), and what the service says of one. Implement `create`, `delete`,
    `status`, and `get` or, for a service that lists, `get_many`.

    A call that fails is classed by the table of `TransportError`; `transport_error` says what the client's exceptions
    are there. In `create` a fatal answer means that nothing was made, and fails the attempt for good; in a poll it
    does so after `WebApiConfig.failed_limit` syncs in a row. A transient one is repeated: by the engine, with its
    patience, for `create` and `delete`; by the next sync for a poll, and after `failed_limit` syncs it counts as a
    system failure of the attempt at each further look, so that a service that is gone for good ends it. A service that
    has too much to do (429) is left alone as long as it wants; attempts that are to begin wait, which is no failure.

    A resource that the service does not find `missing_limit` times in a row is lost, which costs a user's retry.

    Attributes:
        creates_idempotently: Whether `create` with a token that was used before makes nothing and returns the same.
    """

    config_type: ClassVar[type[msgspec.Struct] | None] = WebApiConfig
    creates_idempotently: ClassVar[bool] = False

    @abc.abstractmethod
    async def create(self, submission: Submission[M], token: str) -> R:
        """Make the resource under a token, and return what names it.

        Args:
            submission: What it is made of.
            token: Unique to the attempt and the same at each repetition; send it as idempotency key, name or label.
        """

    @abc.abstractmethod
    async def delete(self, meta: R) -> None:
        """End the resource; one that has ended, or was never there, is no error (404 and 410 are taken care of)."""

    @abc.abstractmethod
    def status(self, resource: T) -> TaskStatus[Any]:
        """What the resource means for its task; without a state, which is the base's.

        Phases move forward. A success without outputs has `resolve_outputs` asked for them.
        """

    async def get(self, meta: R) -> T | None:
        """The resource as it is now; None if the service does not know it."""
        raise self._unpolled()

    async def get_many(self, metas: Sequence[R]) -> Sequence[T | None]:
        """The resources as they are now, at most `WebApiConfig.page_size`; None for each that is not known."""
        return [await self.get(meta) for meta in metas]

    async def find(self, token: str) -> R | None:
        """What names the resource that was made under a token; None if there surely is none.

        A service that can't tell leaves this as it is: a creation of which nobody knows whether it happened is then
        repeated if `creates_idempotently`, and else waits for an operator.
        """
        raise errors.MayHaveHappenedError(_CREATE, token)

    async def cancel(self, token: str) -> None:
        """End what may have been made under a token, of which nothing more is known.

        By default it is looked for by `find` and deleted. A service that can refuse a token from now on should: that
        covers a `create` that is still on its way.
        """
        meta = await self.find(token)
        if meta is not None:
            await self._delete(meta)

    def transport_error(self, error: Exception) -> TransportError | None:
        """The transport error that an exception of the author's client stands for; None if it is something else."""
        return transports.classify(error)

    async def initialize(self, setup: SetupContext[Any]) -> None:
        """Begin to poll. An executor with a client of its own makes it, and then calls this."""
        if not (self._overrides("get") or self._overrides("get_many")):
            raise self._unpolled()
        config: WebApiConfig = setup.config
        self._config = config
        self._state_type = declared_types(type(self)).state
        self._check_after = timedelta(seconds=config.check_s)
        self._resync_period = timedelta(seconds=config.resync_s)
        self._turns = asyncio.Semaphore(config.calls)
        self._clock = setup.clock
        self._service_calls = ServiceCalls(setup.clock, config.call_s, self.transport_error)
        self._pool: ResourcePool | None = setup.pools.get(config.pool) if config.pool else None
        page_size = config.page_size if self._overrides("get_many") else 1
        self._follower: Follower[R, T] = Follower(
            setup,
            "resources",
            self._get_many,
            self.status,
            msgspec.structs.replace(config, page_size=page_size),
        )

    async def close(self) -> None:
        """Poll no more. An executor with a client of its own closes it after this."""
        await self._follower.close()

    async def start_task(
        self, ctx: TaskContext[ResourceState[R]], template: TaskTemplate, spec: M, inputs: LiteralMap
    ) -> TaskStatus[ResourceState[R]]:
        """Take a token of the pool, which goes back with the end of the attempt, and create the resource."""
        if self._pool is not None:
            allocation = await self._pool.allocate(ctx)
            if not allocation.is_granted:
                return TaskStatus.not_ready(
                    ResourceState(), reason=allocation.reason, check_after=self._resync_period
                )
        try:
            async with self._turn():
                created = await self._created(Submission(ctx, template, spec, inputs))
        except errors.QuotaError as error:
            after = self._resync_period if error.after is None else error.after
            return TaskStatus.not_ready(ResourceState(), reason=str(error), check_after=after)
        state = self._state_of(created)
        if state.meta is None:
            return TaskStatus.permanent_failure(state.refusal, state)
        self._follow(ctx, state.meta)
        return TaskStatus.queued(state, check_after=self._check_after)

    async def check_task_status(self, ctx: TaskContext[ResourceState[R]]) -> TaskStatus[ResourceState[R]]:
        """What the last sync saw; the service is not asked."""
        state = ctx.state
        if state.meta is None:
            raise errors.BugError(f"{ctx.task_execution_id.attempt} is followed without a resource")
        tracked = self._follow(ctx, state.meta)
        name = ctx.task_execution_id.generated_name
        self._follower.ensure_synced(name, f"get of {state.meta!r}")
        if tracked.status is None:
            return TaskStatus.unknown(check_after=self._check_after)
        details = msgspec.structs.replace(tracked.status.details, check_after=self._check_after)
        return msgspec.structs.replace(tracked.status, state=state, details=details)

    async def kill_task(self, ctx: TaskContext[ResourceState[R]], reason: str) -> None:
        """Delete what was created, and end what may have been."""
        meta = ctx.custom_state.meta if ctx.custom_state is not None else None
        intent = ctx.intents.get(_key_of_creation(ctx))
        if meta is None and intent is not None:
            if not intent.is_done:
                async with self._turn():
                    await self._service_calls.converted(
                        f"cancel of {intent.token}", lambda: self.cancel(intent.token)
                    )
                return
            meta = self._state_of(intent.result).meta
        if meta is not None:
            async with self._turn():
                await self._service_calls.converted(f"delete of {meta!r}", lambda: self._delete(meta))

    async def finalize_task(self, ctx: TaskContext[ResourceState[R]]) -> None:
        """Follow it no more."""
        self._follower.forget(ctx.task_execution_id.generated_name)

    def _follow(self, ctx: TaskContext[Any], meta: R) -> Tracked[R]:
        return self._follower.follow(ctx.task_execution_id.generated_name, meta, ctx.wake)

    async def _created(self, submission: Submission[M]) -> Any:
        """What the one creation of the attempt came to, now or in an earlier call."""
        ctx = submission.ctx
        key = _key_of_creation(ctx)
        is_repeated = key in ctx.intents

        async def create(token: str) -> Any:
            return await self._create(submission, token, is_repeated=is_repeated)

        if self._overrides("find"):
            return await ctx.once(key, create, self._find)
        if self.creates_idempotently:
            return await ctx.once(key, create, create)
        return await self._created_blindly(ctx, key, create)

    async def _created_blindly(
        self, ctx: TaskContext[Any], key: str, create: Callable[[str], Awaitable[Any]]
    ) -> Any:
        """Create it where nobody can ask later: that the service had too much to do is remembered, as nothing made."""
        refusals: list[errors.QuotaError] = []

        async def create_or_put_off(token: str) -> Any:
            try:
                return await create(token)
            except errors.QuotaError as error:
                refusals.append(error)
                return None

        created = await ctx.once(key, create_or_put_off)
        if refusals:
            raise refusals[0]
        return created

    async def _create(self, submission: Submission[M], token: str, *, is_repeated: bool) -> Any:
        """Create it: what once is to remember, which a refusal is too, unless an earlier request may have made it."""
        try:
            meta = await self._service_calls.answered(lambda: self.create(submission, token))
        except TransportError as error:
            if error.is_transient or is_repeated:
                raise error.as_error(f"create under {token}") from error
            return msgspec.to_builtins(ResourceState[R](refusal=f"the service refused the task: {error}"))
        return msgspec.to_builtins(ResourceState(meta))

    async def _find(self, token: str) -> Any:
        meta = await self._service_calls.converted(f"find of {token}", lambda: self.find(token))
        return None if meta is None else msgspec.to_builtins(ResourceState(meta))

    async def _delete(self, meta: R) -> None:
        try:
            await self._service_calls.answered(lambda: self.delete(meta))
        except TransportError as error:
            if not error.is_missing:
                raise

    async def _get_many(self, metas: Sequence[R]) -> Sequence[T | None]:
        """A page, as the tracker wants it; one resource that is missing is no failure."""
        try:
            found = await self._service_calls.answered(lambda: self.get_many(metas))
        except TransportError as error:
            if error.is_missing and len(metas) == 1:
                return [None]
            raise
        if len(found) != len(metas):
            raise errors.BugError(
                f"get_many of executor {self.id!r} returned {len(found)} resources for {len(metas)}: "
                "return one for each, None for one that is not known"
            )
        return found

    @contextlib.asynccontextmanager
    async def _turn(self) -> AsyncGenerator[None]:
        """One of the places for calls that are no polls, once the service wants to hear of them.

        Raises:
            QuotaError: It takes too long.
        """
        try:
            async with asyncio.timeout(self._config.call_s):
                await self._turns.acquire()
        except TimeoutError:
            sentence = f"{self._config.calls} other calls of the service are under way"
            raise errors.QuotaError(sentence, self._resync_period) from None
        try:
            self._service_calls.ensure_wanted(patience_s=self._config.call_s)
            if self._service_calls.quiet_s > 0:
                await self._clock.sleep(self._service_calls.quiet_s)
            yield
        finally:
            self._turns.release()

    def _overrides(self, method: str) -> bool:
        """Whether the author has written an optional method."""
        return getattr(type(self), method) is not getattr(WebApiExecutor, method)

    def _unpolled(self) -> errors.BugError:
        return errors.BugError(f"executor {self.id!r} can't be polled: implement get or get_many")

    def _state_of(self, created: Any) -> ResourceState[R]:
        return msgspec.convert(created, self._state_type)


def _key_of_creation(ctx: TaskContext[Any]) -> str:
    """The key of the creation that counts: under those before it, nothing was made."""
    intents, key, count = ctx.intents, _CREATE, 0
    while key in intents and intents[key].is_done and intents[key].result is None:
        count += 1
        key = f"{_CREATE} {count}"
    return key
