"""The engine's side of `hive`: queries that a backend runs.

Checks submit, each query once through any crash; a cache follows them all; the state has a work item for each. The
executor must never know one backend from another.
"""

import asyncio
from collections.abc import Awaitable, Iterable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import msgspec

from elevon import errors
from elevon.idl.hive_jobs import QuboleHiveJob
from elevon.idl.messages import LiteralMap, TaskTemplate
from elevon.plugin import (
    Executor,
    ExecutorProperties,
    ResourcePool,
    SetupContext,
    TaskContext,
    TaskStatus,
)
from elevon.plugin.services import Follower
from elevon.plugin.trackers import Tracked
from elevon.plugin.transports import TransportError
from elevon.tasktypes.hive import outcomes, queries, submissions
from elevon.tasktypes.hive.backends.interfaces import HiveBackend, QueryPhase, QueryStatus
from elevon.tasktypes.hive.calls import Calls
from elevon.tasktypes.hive.configurations import HiveConfig
from elevon.tasktypes.hive.items import HiveState, ItemPhase, WorkItem

_LOG: Final = "stdout.log"  # which `elevon logs` shows


class HiveExecutor(Executor[QuboleHiveJob, HiveState]):
    """Has queries run by the backend that `[executors.hive] backend` names.

    Args:
        backend: Instead of that one.
    """

    id = "hive"
    task_types = ("hive",)
    properties = ExecutorProperties(
        call_timeout=timedelta(minutes=10)
    )  # each call of the backend has its own limit
    config_type = HiveConfig

    def __init__(self, backend: HiveBackend | None = None) -> None:
        self._given_backend = backend

    async def initialize(self, setup: SetupContext[HiveConfig]) -> None:
        """Open the backend, whose service need not be there yet.

        Raises:
            UserError: A package or a setting that it needs is missing.
        """
        backend = self._given_backend
        if backend is None:
            from elevon.tasktypes.hive.backends import selection  # imports what that backend needs

            backend = await asyncio.to_thread(selection.choose, setup)
        await backend.open()
        config = setup.config
        if not config.resync_s:
            config = msgspec.structs.replace(config, resync_s=backend.resync_s)
        self._config = config
        self._calls = Calls(backend, setup.clock, config.call_s)
        self._resync = timedelta(seconds=config.resync_s)
        self._check_after = timedelta(seconds=config.check_s)
        self._pool: ResourcePool | None = setup.pools.get(config.pool) if config.pool else None
        self._follower: Follower[Any, QueryStatus] = Follower(
            setup, "queries", self._calls.statuses, _status, config
        )

    async def close(self) -> None:
        """Ask no more; queries run on."""
        await self._follower.close()
        await self._calls.backend.close()

    async def start_task(
        self, ctx: TaskContext[HiveState], template: TaskTemplate, spec: QuboleHiveJob, inputs: LiteralMap
    ) -> TaskStatus[HiveState]:
        """Read what is asked for, and refuse what can be refused; the first check submits."""
        state = queries.read(ctx, template, spec, inputs, self._config)
        for item in state.items:  # a long text takes seconds to read
            await asyncio.to_thread(self._calls.backend.check, state.query(item))
        state = msgspec.structs.replace(state, backend=self._calls.backend.name)
        if self._pool is not None and self._config.pool_per == "attempt":
            allocation = await self._pool.allocate(ctx)
            if not allocation.is_granted:
                return TaskStatus.not_ready(state, reason=allocation.reason, check_after=self._resync)
        return outcomes.status_of(ctx, state, timedelta(0))

    async def check_task_status(self, ctx: TaskContext[HiveState]) -> TaskStatus[HiveState]:
        """Submit what there is room for, and take in what the last sync saw of the rest."""
        state = ctx.state
        problem = submissions.problem_of_backend(self._calls, state.backend)
        if problem:
            return outcomes.status_of(ctx, state, self._check_after, problem)
        waits = _Waits(self._check_after)
        items = list(state.items)
        for index, item in enumerate(items):
            if item.is_in_flight:
                items[index] = await self._looked_at(ctx, index, item)
        if not any(item.phase is ItemPhase.FAILED for item in items):
            due = [index for index, item in enumerate(items) if item.phase is ItemPhase.PENDING]
            room = self._config.parallel_count - sum(item.is_in_flight for item in items)
            begun = await _all(self._begun(ctx, state, index, items[index], waits) for index in due[:room])
            for index, item in zip(due, begun, strict=False):
                items[index] = item
        if any(item.phase is ItemPhase.FAILED for item in items):
            await self._end_rest(ctx, items)
        await self._keep_logs(ctx, state, items)
        state = msgspec.structs.replace(state, items=tuple(items))
        return outcomes.status_of(ctx, state, waits.check_after, waits.reason)

    async def kill_task(self, ctx: TaskContext[HiveState], reason: str) -> None:
        """End every query of which there is an intent, also one that no state tells of."""
        await _all(submissions.end(self._calls, one) for one in submissions.all_of(ctx.intents))

    async def finalize_task(self, ctx: TaskContext[HiveState]) -> None:
        """Follow nothing any more, and remove what the queries have left at the backend."""
        for one in submissions.all_of(ctx.intents):
            self._follower.forget(_name(ctx, one.key))
        await _all(submissions.release(self._calls, one) for one in submissions.all_of(ctx.intents))

    async def _begun(
        self, ctx: TaskContext[HiveState], state: HiveState, index: int, item: WorkItem, waits: "_Waits"
    ) -> WorkItem:
        """A pending query after it was submitted; as it was if it has to wait."""
        key = submissions.key_of(index, item.try_index)
        if self._pool is not None and self._config.pool_per == "query":
            allocation = await self._pool.allocate(ctx, f"query-{index}")
            if not allocation.is_granted:
                waits.add(allocation.reason, self._resync)
                return item
        try:
            prepared, handle, refusal = await submissions.begin(ctx, self._calls, key, state.query(item))
        except errors.QuotaError as error:
            waits.add(str(error), self._resync if error.after is None else error.after)
            return item
        if refusal:
            return item.failed(refusal, is_mendable=False)
        begun = item.begun(prepared, handle)
        self._follower.follow(_name(ctx, key), handle, ctx.wake)
        return begun

    async def _looked_at(self, ctx: TaskContext[HiveState], index: int, item: WorkItem) -> WorkItem:
        """A query in flight, as the last sync saw it."""
        name = _name(ctx, submissions.key_of(index, item.try_index))
        tracked = self._follower.follow(name, item.handle, ctx.wake)
        self._follower.ensure_synced(name, f"status of query {index}")
        looked_at = _taken_in(ctx, item, tracked)
        overdue_at = looked_at.overdue_at
        if looked_at.is_in_flight and overdue_at is not None and ctx.now >= overdue_at:
            await self._cancelled(item)
            looked_at = _timed_out(looked_at)
        if not looked_at.is_in_flight and self._pool is not None and self._config.pool_per == "query":
            await self._pool.release(ctx, f"query-{index}")
        return looked_at

    async def _keep_logs(self, ctx: TaskContext[HiveState], before: HiveState, items: list[WorkItem]) -> None:
        """Write what the backend has logged of tries that have just ended to the attempt's log."""
        for old, new in zip(before.items, items, strict=True):
            if not old.is_in_flight or new.is_in_flight:
                continue
            try:
                said = await self._calls.answered(lambda old=old: self._calls.backend.log(old.handle))
            except TransportError as error:
                said = f"the log can't be had: {error}\n"
            if said:
                await asyncio.to_thread(_append, ctx.data_dir / _LOG, said)

    async def _end_rest(self, ctx: TaskContext[HiveState], items: Sequence[WorkItem]) -> None:
        """End what still runs, or may: after a terminal status nobody kills it.

        Also tries that are pending in the state: a crash may have come between their submission and its commit.
        """
        over = {
            submissions.key_of(index, try_index)
            for index, item in enumerate(items)
            for try_index in range(item.try_index + item.is_over)
        }
        await _all(self._cancelled(item) for item in items if item.is_in_flight)
        left = [one for one in submissions.all_of(ctx.intents) if one.key not in over]
        await _all(submissions.end(self._calls, one) for one in left)

    async def _cancelled(self, item: WorkItem) -> None:
        backend = self._calls.backend
        await self._calls.converted("cancel of a query", lambda: backend.cancel(item.handle))


class _Waits:
    """Why queries of a check have to wait, and until when."""

    def __init__(self, check_after: timedelta) -> None:
        self.check_after = check_after
        self.reason = ""

    def add(self, reason: str, after: timedelta) -> None:
        """One more has to wait."""
        self.reason = reason
        self.check_after = min(self.check_after, after)


async def _all(works: Iterable[Awaitable[Any]]) -> list[Any]:
    """The results of all, after all have ended; the first failure is raised then."""
    results = await asyncio.gather(*works, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results


def _append(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(text)


def _name(ctx: TaskContext[Any], key: str) -> str:
    return f"{ctx.task_execution_id.generated_name}/{key}"


def _status(query: QueryStatus) -> TaskStatus[Any]:
    """What a tracker is to make of a query: whether anything has changed, and whether it is over."""
    match query.phase:
        case QueryPhase.QUEUED:
            return TaskStatus.queued(custom_info=query)
        case QueryPhase.RUNNING:
            return TaskStatus.running(custom_info=query)
        case QueryPhase.SUCCEEDED:
            return TaskStatus.succeeded(custom_info=query)
        case _:
            return TaskStatus.permanent_failure(query.message or query.phase, custom_info=query)


def _timed_out(item: WorkItem) -> WorkItem:
    return item.failed(
        f"it ran longer than its time-out of {item.timeout_s} s and was cancelled", is_mendable=True
    )


def _taken_in(ctx: TaskContext[Any], item: WorkItem, tracked: Tracked[Any]) -> WorkItem:
    """The work item, after what the last sync saw."""
    status = tracked.status
    if status is None:
        return item
    query = status.details.custom_info
    if not isinstance(query, QueryStatus):  # the tracker's own: it was not found, too often
        missing = status.failure.message if status.failure else "the backend does not know it any more"
        return item.failed(missing, is_mendable=True, is_system_fault=True)
    match query.phase:
        case QueryPhase.QUEUED:
            return item.seen_waiting(query.message, query.link)
        case QueryPhase.RUNNING:
            return item.seen_running(ctx.now, query.message, query.link, query.progress)
        case QueryPhase.SUCCEEDED:
            return item.succeeded(query.link)
        case QueryPhase.FAILED:
            linked = msgspec.structs.replace(item, link=query.link or item.link)
            return linked.failed(query.message, is_mendable=query.is_mendable)
        case QueryPhase.CANCELLED | QueryPhase.LOST if (
            item.overdue_at is not None and ctx.now >= item.overdue_at
        ):
            # By us, before a crash or in a call without an answer; or by the service. What was ended may be forgotten.
            return _timed_out(item)
        case QueryPhase.CANCELLED:
            by = query.message or "it was cancelled by somebody at the service"
            return item.failed(by, is_mendable=False)
        case QueryPhase.LOST:
            lost = query.message or "the service lost it: it was restarted, or the query's process was killed"
            return item.failed(lost, is_mendable=True, is_system_fault=True)
