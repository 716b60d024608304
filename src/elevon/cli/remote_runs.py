"""`elevon run --remote`: a workflow of a file here, run by a server.

The file is imported and compiled here; what the server gets is the compiled workflow, the code that its tasks need, and
inputs. It needs nothing of this machine but what inputs name: a file is given as its path. A signal ends the watching
and not the execution.
"""

import asyncio
import contextlib
import sys
from collections.abc import Iterable
from datetime import datetime

from elevon import errors
from elevon.admin import inputs
from elevon.admin.executions import DOMAIN, PROJECT, NewExecution
from elevon.admin.wire.extensions import Registration, Update
from elevon.cli import documents, drives, exits, remote_sites, reports, signals
from elevon.cli.invocations import Invocation
from elevon.idl.admin_messages import ExecutionCreateRequest
from elevon.primitives import ids
from elevon.records.executions import ExecutionRecord
from elevon.records.nodes import NodeRecord
from elevon.serve.clients import Client


async def run(new: NewExecution, invocation: Invocation, *, is_detached: bool) -> int:
    """Start an execution and watch it to its end, or only start it; returns the exit code."""
    with remote_sites.connected(invocation.remote) as site:
        if is_detached:
            name = await _start(site.client, new)
            return _conclude_detached((await site.see(name, is_history_wanted=False)).view.record, invocation)
        record, standing = await _start_and_watch(site, new, invocation)
    if record.phase.is_terminal:
        return drives.conclude(record, invocation)
    if invocation.is_json:
        documents.write(documents.result(record))
    reports.write(sys.stderr, f"{standing}; look by: {invocation.command('show', record.id.name)}\n")
    return exits.Exit.SUSPENDED


async def _start(client: Client, new: NewExecution) -> str:
    """Register and start; returns the name."""
    workflow = new.closure.primary.template.id.name
    completed = inputs.complete(workflow, new.parameters, new.given, new.unreadable)
    registration = Registration(
        closure=new.closure.SerializeToString(deterministic=True),
        default_inputs=new.parameters.SerializeToString(deterministic=True),
        code=new.code,
        source_path=new.source_path,
    )
    plan = await client.register(registration)
    request = ExecutionCreateRequest(
        project=PROJECT, domain=DOMAIN, name=new.name or ids.new(), inputs=completed
    )
    request.spec.launch_plan.CopyFrom(plan.id)
    request.spec.max_parallelism = new.max_parallelism
    return (await client.create(request)).id.name


def _conclude_detached(record: ExecutionRecord, invocation: Invocation) -> int:
    if invocation.is_json:
        documents.write(documents.result(record))
    else:
        print(record.id.name)
    print(f"it runs at {invocation.remote}", file=sys.stderr)
    return exits.Exit.SUCCEEDED


async def _start_and_watch(
    site: remote_sites.RemoteSite, new: NewExecution, invocation: Invocation
) -> tuple[ExecutionRecord, str]:
    """Its record when it has ended, a signal came or the server is lost, and what becomes of it if it has not ended."""
    interrupted = asyncio.Event()
    # From before the start: what it starts may run before its name has come back.
    with contextlib.ExitStack() as shown, signals.caught(interrupted.set, shown.close):
        name = await _start(site.client, new)
        print(f"execution {name}", file=sys.stderr, flush=True)
        view = (await site.see(name, is_history_wanted=False)).view
        report = shown.enter_context(drives.report_of([view], invocation))
        try:
            record = await _watch(site, view.record, report, interrupted)
        except errors.UnavailableError as error:
            report.say(f"elevon: {error}")
            return view.record, "it is durable there, and the next server over that home goes on with it"
    return record, "the server goes on with it"


async def _watch(
    site: remote_sites.RemoteSite,
    record: ExecutionRecord,
    report: reports.Report,
    interrupted: asyncio.Event,
) -> ExecutionRecord:
    """Tell what happens until the execution has ended, or a signal comes."""

    def tell(update: Update) -> None:
        changes = (*update.attempts, *in_turn(update.nodes))
        is_over = update.execution.phase.is_terminal
        report.changed(record.id, (*changes, update.execution) if is_over else (update.execution, *changes))

    following = asyncio.ensure_future(site.watched(record.id, tell))
    watching = asyncio.ensure_future(interrupted.wait())
    await asyncio.wait((following, watching), return_when=asyncio.FIRST_COMPLETED)
    watching.cancel()
    if following.done():
        return following.result()
    following.cancel()
    return record


def in_turn(nodes: Iterable[NodeRecord]) -> list[NodeRecord]:
    """Nodes in the order of what they tell: an array begins before its elements end, and ends after them."""
    return sorted(nodes, key=_turn)


def _turn(record: NodeRecord) -> tuple[datetime, bool, int]:
    """At one moment ends come before beginnings; inner nodes end first, outer ones begin first."""
    depth = record.node_id.count("/")
    if record.ended_at is None:
        return record.started_at, True, depth
    return record.ended_at, False, -depth
