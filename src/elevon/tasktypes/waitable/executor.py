"""The engine's side of `waitable`: waits for executions, then runs the user's code on how they ended."""

import asyncio
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Annotated, Any, ClassVar, Final

import msgspec

from elevon import errors, ports
from elevon.idl.messages import LiteralMap, TaskTemplate
from elevon.plugin import (
    Executor,
    ExecutorProperties,
    Launch,
    SetupContext,
    TaskContext,
    TaskStatus,
    status_of_job,
)
from elevon.records.attempts import LogLink
from elevon.records.failures import Failure
from elevon.records.identities import ExecutionId
from elevon.records.phases import AttemptPhase
from elevon.records.standings import ExecutionStanding
from elevon.tasktypes.waitable.follows import Followed, Follows, FollowSettings
from elevon.tasktypes.waitable.states import (
    MARKS,
    UNDER_WAY,
    UNSEEN,
    WaitableState,
    awaited_in,
    with_ends,
)

Status = TaskStatus[WaitableState]
Context = TaskContext[WaitableState]
_Seconds = Annotated[float, msgspec.Meta(gt=0)]
_Count = Annotated[int, msgspec.Meta(ge=1)]
_REPORT_COUNT: Final = 100  # of reports while an attempt waits, however many it waits for
_LINK_LIMIT: Final = 100
_NAME_LIMIT: Final = 3  # of executions that a sentence names
_CALLS: Final = 16


class WaitableConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What the executor can be told.

    Attributes:
        resync_s: News of an execution is known within so many seconds.
        page_size: The most executions that are asked for in one call.
        workers: Pages that are asked for at the same time.
        cache_size: Executions that are followed at the same time.
        check_s: An attempt of which nothing is heard is looked at after so many seconds all the same.
        call_s: A call that takes longer, in seconds, has failed.
        missing_limit: Answers in a row that may miss an execution before it counts as not there.
    """

    resync_s: _Seconds = 2.0
    page_size: _Count = 500
    workers: _Count = 2
    cache_size: _Count = 100_000
    check_s: _Seconds = 60.0
    call_s: _Seconds = 15.0
    missing_limit: Annotated[int, msgspec.Meta(ge=0)] = 2


class WaitableExecutor(Executor[None, WaitableState]):
    """Follows the executions that the inputs refer to; when all have ended, it launches the template's code.

    The wait is the phase QUEUED, whose version moves as executions are seen and end. What is lost to memory comes back
    from the state: an engine that takes over asks for the same executions and for nothing else.

    Args:
        control_plane: Where the executions are; None for the engine's.
    """

    id = "waitable"
    task_types = ("waitable",)
    # To read ten thousand references takes a while, which is not the engine's loop's to spend.
    properties = ExecutorProperties(isolation="thread")
    config_type: ClassVar[type[msgspec.Struct] | None] = WaitableConfig

    def __init__(self, control_plane: ports.ControlPlane | None = None) -> None:
        self._given_control_plane = control_plane

    async def initialize(self, setup: SetupContext[WaitableConfig]) -> None:
        """Begin to follow."""
        config = setup.config
        self._check_after = timedelta(seconds=config.check_s)
        self._follows = Follows(
            self._control_plane_of(setup),
            setup,
            FollowSettings(
                resync_period=timedelta(seconds=config.resync_s),
                page_size=config.page_size,
                workers=config.workers,
                size=config.cache_size,
                call_time=timedelta(seconds=config.call_s),
                missing_limit=config.missing_limit,
            ),
        )

    async def start_task(
        self, ctx: Context, template: TaskTemplate, spec: None, inputs: LiteralMap
    ) -> Status:
        """Note what is awaited; nothing is begun outside, so a start that may have happened changes nothing."""
        awaited = awaited_in(inputs, _own(ctx))
        left = _left(awaited)
        if not left:
            return await self._handed_over(ctx, inputs, awaited)
        for execution in left:
            self._follows.expect(execution, ctx.wake)
        return self._waiting(ctx, left, WaitableState.of(awaited))

    async def check_task_status(self, ctx: Context) -> Status:
        """Look at what the cache has seen of what is left; once nothing is, at the job of the user's code."""
        state = ctx.state
        if state.inputs_uri:
            return await self._followed(ctx, state)
        before = state.awaited
        known = {execution: self._follows.look(execution, ctx.wake) for execution in _left(before)}
        missing = [followed for followed in known.values() if self._follows.is_missing(followed)]
        if missing:
            return self._given_up(ctx, missing, before)
        standings = {execution: one.standing for execution, one in known.items() if one.standing is not None}
        awaited = before | {one: MARKS.get(found.phase, UNDER_WAY) for one, found in standings.items()}
        is_news = any(before[execution] == UNSEEN for execution in standings)
        links = _links(standings.values()) if is_news else ()
        left = _left(awaited)
        if not left:
            return await self._handed_over(ctx, await _inputs(ctx), awaited, links)
        version = _version(awaited)
        if version <= ctx.phase_version:
            self._ensure_answered()
            return self._waiting(ctx, left, state, phase_version=ctx.phase_version)
        waiting = self._waiting(ctx, left, WaitableState.of(awaited), phase_version=version)
        news = msgspec.structs.replace(waiting.details, log_links=links, custom_info=_counts(awaited))
        return msgspec.structs.replace(waiting, details=news)

    async def kill_task(self, ctx: Context, reason: str) -> None:
        """End the executions that still run, and the user's code if it does."""
        await ctx.launcher.kill()
        state = ctx.custom_state
        awaited = await _awaited_unstated(ctx) if state is None else state.awaited
        cause = f"{ctx.task_execution_id.attempt}, which waited for it, was ended: {reason}"
        await self._terminate(ctx, _left(awaited), cause)

    async def _terminate(self, ctx: Context, executions: Iterable[ExecutionId], cause: str) -> None:
        control_plane = self._control_plane_of(ctx.setup)
        turns = asyncio.Semaphore(_CALLS)

        async def terminate(execution: ExecutionId) -> None:
            async with turns:
                await control_plane.terminate(execution, f"{self.id} {_own(ctx).name}", cause)

        ends = await asyncio.gather(*map(terminate, executions), return_exceptions=True)
        for end in ends:  # all were tried: the engine repeats the whole kill for those that failed
            if isinstance(end, BaseException):
                raise end

    async def _handed_over(
        self,
        ctx: Context,
        inputs: LiteralMap,
        awaited: Mapping[ExecutionId, str],
        links: tuple[LogLink, ...] = (),
    ) -> Status:
        """Keep the inputs that the user's code gets: those of the node know nothing of how the executions ended."""
        uri = f"{ctx.raw_output_prefix}/_waitable/inputs.pb"
        unended = [one for one, mark in awaited_in(inputs, _own(ctx)).items() if mark == UNSEEN]
        workflows = await self._follows.workflows_of(unended)
        final = with_ends(inputs, _own(ctx), awaited, workflows)
        await ctx.setup.blobs.put(uri, final.SerializeToString(deterministic=True))
        state = msgspec.structs.replace(WaitableState.of(awaited), inputs_uri=uri)
        return TaskStatus.initializing(
            state, log_links=links, custom_info=_counts(awaited), check_after=timedelta(0)
        )

    async def _followed(self, ctx: Context, state: WaitableState) -> Status:
        """Where the user's code stands; started if it is not, as after a restart."""
        inputs = LiteralMap.FromString(await ctx.setup.blobs.get(state.inputs_uri))
        job = await ctx.launcher.poll(Launch(inputs=inputs))
        status = status_of_job(job, state)
        if status.phase is not AttemptPhase.QUEUED:
            return status
        # It waits for a slot. The attempt has left that phase behind, by its own wait or by a job that was lost.
        follow = TaskStatus.running if ctx.phase is AttemptPhase.RUNNING else TaskStatus.initializing
        return follow(state, is_restarted=job.is_restarted, reason="no slot is free")

    def _given_up(self, ctx: Context, missing: list[Followed], before: Mapping[ExecutionId, str]) -> Status:
        """The end for want of executions; others that are awaited run on, as another task may wait for them."""
        for one in missing:
            self._follows.forget(one.execution)
        gone = [one.execution for one in missing]
        deleted = [
            one.execution for one in missing if one.standing is not None or before[one.execution] == UNDER_WAY
        ]
        message = (
            f"{_named(ctx, deleted)} was deleted before its end was seen, so nobody knows how it ended: "
            "run it again, and refer to the new execution"
            if deleted
            else f"there is no execution {_named(ctx, gone)}, which the inputs refer to: "
            "`elevon executions` lists those there are"
        )
        return TaskStatus.permanent_failure(
            Failure(code="USER:NotFound", message=message, kind=errors.ErrorKind.USER, is_recoverable=False)
        )

    def _ensure_answered(self) -> None:
        """Do nothing while the control plane answers, or may do so again.

        Raises:
            UserError: It refuses to answer, which no repetition mends.
        """
        trouble = self._follows.trouble
        if trouble is not None and errors.policy_of(trouble).retry is errors.Retry.NEVER:
            raise errors.UserError(f"the control plane refuses to say where executions stand: {trouble}")

    def _waiting(
        self, ctx: Context, left: list[ExecutionId], state: WaitableState, *, phase_version: int = 0
    ) -> Status:
        trouble = self._follows.trouble
        unheard = "" if trouble is None else f", and the control plane does not answer: {trouble}"
        reason = f"no end was seen of {_named(ctx, left)}{unheard}"
        return TaskStatus.queued(
            state, phase_version=phase_version, reason=reason, check_after=self._check_after
        )

    def _control_plane_of(self, setup: SetupContext[Any]) -> ports.ControlPlane:
        return setup.control_plane if self._given_control_plane is None else self._given_control_plane


def _own(ctx: Context) -> ExecutionId:
    return ctx.task_execution_id.attempt.execution


def _left(awaited: Mapping[ExecutionId, str]) -> list[ExecutionId]:
    """Those that have not ended, as far as is known."""
    return [execution for execution, mark in awaited.items() if mark in (UNSEEN, UNDER_WAY)]


def _version(awaited: Mapping[ExecutionId, str]) -> int:
    """Grows with each execution that is seen, and again with its end; of very many, with some hundredths of them."""
    seen = sum(mark != UNSEEN for mark in awaited.values())
    ended = len(awaited) - len(_left(awaited))
    return (seen + ended) // max(1, 2 * len(awaited) // _REPORT_COUNT)


def _counts(awaited: Mapping[ExecutionId, str]) -> dict[str, int]:
    """How many stand how, for people."""
    marks = list(awaited.values())
    ended = {str(phase): marks.count(mark) for phase, mark in MARKS.items() if mark in marks}
    return {"awaited": len(marks), **ended}


def _links(standings: Iterable[ExecutionStanding]) -> tuple[LogLink, ...]:
    links = (LogLink(f"{one.workflow} {one.id.name}", one.link) for one in standings if one.link)
    return tuple(link for link, _ in zip(links, range(_LINK_LIMIT), strict=False))


def _named(ctx: Context, executions: list[ExecutionId]) -> str:
    """The first of them, and how many more there are; those beside the one that waits by their names alone."""
    own = _own(ctx)
    names = [
        one.name if (one.project, one.domain) == (own.project, own.domain) else str(one)
        for one in executions[:_NAME_LIMIT]
    ]
    more = len(executions) - _NAME_LIMIT
    return f"{', '.join(names)} and {more} more" if more > 0 else ", ".join(names)


async def _inputs(ctx: Context) -> LiteralMap:
    """The inputs of the node; nothing else reads or writes the file before the job begins."""
    path = await ctx.write_inputs()
    return LiteralMap.FromString(await asyncio.to_thread(path.read_bytes))


async def _awaited_unstated(ctx: Context) -> dict[ExecutionId, str]:
    """What an attempt awaits of which no status was ever committed; nothing if its inputs are no good."""
    try:
        return awaited_in(await _inputs(ctx), _own(ctx))
    except errors.UserError:
        return {}
