"""Watching executions at a server until they have ended.

It owns what is told meanwhile, and that a signal, or a server that is lost, ends the watching and not the executions.
"""

import asyncio
import contextlib
import sys
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from elevon import errors
from elevon.admin.views import ExecutionView
from elevon.admin.wire.extensions import Update
from elevon.cli import drives, reports, signals
from elevon.cli.endings import Ending
from elevon.cli.invocations import Invocation
from elevon.cli.remote_sites import RemoteSite
from elevon.records.executions import ExecutionRecord
from elevon.records.nodes import NodeRecord


class Watched(NamedTuple):
    """What has come of executions.

    Attributes:
        endings: As they were when the watching ended, in order.
        standing: What becomes of those that had not ended.
    """

    endings: Sequence[Ending]
    standing: str


async def watch(
    site: RemoteSite, start: Callable[[], Awaitable[Sequence[str]]], invocation: Invocation
) -> Watched:
    """Have executions started and watch them until all have ended, a signal came or the server is lost.

    Args:
        site: The server.
        start: Starts them and returns their names; a signal may come meanwhile.
        invocation: How things are told.
    """
    interrupted = asyncio.Event()
    # From before the start: what it starts may run before its name has come back.
    with contextlib.ExitStack() as shown, signals.caught(interrupted.set, shown.close):
        views = [(await site.see(name, is_history_wanted=False)).view for name in await start()]
        records = [view.record for view in views]
        report = shown.enter_context(drives.report_of(views, invocation))
        try:
            records = await _follow(site, records, report, interrupted)
        except errors.UnavailableError as error:
            report.say(f"elevon: {error}")
            return Watched(
                _endings(records, views),
                "it is durable there, and the next server over that home goes on with it",
            )
    return Watched(_endings(records, views), "the server goes on with it")


def say_how_to_look(record: ExecutionRecord, standing: str, invocation: Invocation) -> None:
    """Say on stderr what becomes of an execution that is watched no more."""
    look = invocation.command("show", record.id.name)
    reports.write(sys.stderr, f"{standing}; look by: {look}\n")


def in_turn(nodes: Iterable[NodeRecord]) -> list[NodeRecord]:
    """Nodes in the order of what they tell: an array begins before its elements end, and ends after them."""
    return sorted(nodes, key=_turn)


async def _follow(
    site: RemoteSite,
    records: Sequence[ExecutionRecord],
    report: reports.Report,
    interrupted: asyncio.Event,
) -> Sequence[ExecutionRecord]:
    """Tell what happens until the executions have ended, or a signal comes."""

    def tell(update: Update) -> None:
        changes = (*update.attempts, *in_turn(update.nodes))
        execution = update.execution
        if not execution.phase.is_terminal:
            changes = (execution, *changes)
        elif not update.has_more:
            changes = (*changes, execution)
        report.changed(execution.id, changes)

    following = asyncio.ensure_future(site.watched([record.id for record in records], tell))
    watching = asyncio.ensure_future(interrupted.wait())
    await asyncio.wait((following, watching), return_when=asyncio.FIRST_COMPLETED)
    watching.cancel()
    if following.done():
        return following.result()
    following.cancel()
    return records


def _endings(records: Sequence[ExecutionRecord], views: Sequence[ExecutionView]) -> list[Ending]:
    return [Ending(record, view.outputs) for record, view in zip(records, views, strict=True)]


def _turn(record: NodeRecord) -> tuple[datetime, bool, int]:
    """At one moment ends come before beginnings; inner nodes end first, outer ones begin first."""
    depth = record.node_id.count("/")
    if record.ended_at is None:
        return record.started_at, True, depth
    return record.ended_at, False, -depth
