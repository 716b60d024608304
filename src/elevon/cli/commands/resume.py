"""`elevon resume [ID ...]`: take executions up again, with the code that they started with."""

import argparse
import asyncio
import shlex
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from elevon import app, errors
from elevon.admin.executions import Admin
from elevon.app import announcements
from elevon.cli import documents, drives, exits, grammar, invocations, sites
from elevon.cli.endings import Ending
from elevon.cli.invocations import Invocation
from elevon.records.executions import ExecutionRecord
from elevon.records.identities import ExecutionId
from elevon.records.phases import UNFINISHED
from elevon.sdk import modules, sources

_PATIENCE_S: Final = 0.5
_POLL_S: Final = 0.02


def declare(parser: argparse.ArgumentParser) -> None:
    """Add options and arguments."""
    grammar.add_home(parser)
    grammar.add_remote(parser)
    grammar.add_output(parser)
    grammar.add_engine(parser)
    parser.add_argument(
        "ids", metavar="ID", nargs="*", help="executions; all unfinished ones if none is named"
    )


def run(options: argparse.Namespace) -> int:
    """Drive them; the exit code is the worst of theirs."""
    invocation = invocations.of(options)
    if invocation.remote:
        from elevon.cli import remote_runs  # brings the messages of the control plane

        invocation.check_engine_is_not_told()
        return asyncio.run(remote_runs.resume(options.ids, invocation))
    invocation.configure_logs()
    return asyncio.run(_run(options.ids, invocation))


async def _run(names: Sequence[str], invocation: Invocation) -> int:
    async with app.reading(invocation.home) as admin:
        found = await _wanted(admin, names, invocation)
        waiting = [record for record in found if not record.phase.is_terminal]
        for record in waiting:
            await _look_at_code(admin, record, invocation)
        views = [await admin.view(one.id, is_history_wanted=False) for one in found if one.phase.is_terminal]
    ended = [Ending.of(view) for view in views]
    if waiting:
        ended += await _driven([record.id for record in waiting], invocation)
    elif not found and not invocation.is_json:
        print("nothing to do: no execution waits to be resumed")
    if invocation.is_json:
        documents.write([documents.result(ending) for ending in ended])
    for ending in ended:
        if not invocation.is_json:
            drives.tell(ending, invocation, is_one_of_several=len(ended) > 1)
        drives.say_how_to_go_on(ending, invocation)
    return max((ending.exit_code for ending in ended), default=exits.Exit.SUCCEEDED)


async def _driven(executions: Sequence[ExecutionId], invocation: Invocation) -> Sequence[Ending]:
    """Drive them; what a server drives is left to it by name."""
    async with app.embedded(invocation.home, invocation.settings) as embedded:
        try:
            return await drives.drive(embedded, executions, invocation)
        except errors.ConflictError as error:
            for execution in executions:
                url = await _server_of(embedded.admin, execution, invocation)
                if url:
                    raise errors.ConflictError(_left_to_server(execution, url)) from error
            raise


async def _server_of(admin: Admin, execution: ExecutionId, invocation: Invocation) -> str:
    """Where the server that drives an execution is reached; empty if none does."""
    lease = await admin.owner(execution)
    return announcements.url_of(invocation.home, lease.owner) if lease is not None else ""


def _left_to_server(execution: ExecutionId, url: str) -> str:
    watch = shlex.join(["elevon", "resume", execution.name, "--remote", url])
    return f"execution {execution.name} is being driven by the server at {url}: watch it by {watch}"


async def _wanted(admin: Admin, names: Sequence[str], invocation: Invocation) -> list[ExecutionRecord]:
    """Those that are named, ended ones too: whoever names one asks how it ends. Else all that wait, oldest first.

    If none is named, those that a live engine drives are left to it; a named one is refused by the engine.
    """
    if not names:
        return await _waiting(admin, invocation)
    site = sites.HomeSite(admin, invocation.home)
    found = {record.id: record for record in [await site.find(name) for name in names]}
    for record in found.values():
        drives.say_if_ended(record)
    return list(found.values())


async def _waiting(admin: Admin, invocation: Invocation) -> list[ExecutionRecord]:
    """Unfinished executions that no live engine drives; one that was killed a moment ago has time to be gone."""
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        unfinished = list(reversed(await admin.list_executions(UNFINISHED)))
        driven = [record for record in unfinished if await _is_driven(admin, record, invocation)]
        if not driven or time.monotonic() > deadline:
            break
        await asyncio.sleep(_POLL_S)
    for record in driven:
        url = await _server_of(admin, record.id, invocation)
        by_another = f"execution {record.id.name} is being driven by another process"
        print(_left_to_server(record.id, url) if url else by_another, file=sys.stderr)
    return [record for record in unfinished if record not in driven]


async def _is_driven(admin: Admin, record: ExecutionRecord, invocation: Invocation) -> bool:
    lease = await admin.owner(record.id)
    return (
        lease is not None and lease.expires_at > datetime.now(UTC) and invocation.home.is_alive(lease.owner)
    )


async def _look_at_code(admin: Admin, record: ExecutionRecord, invocation: Invocation) -> None:
    """Warn if the file has changed, and let `--tasktype` find what stands beside it, as `run` does."""
    if not record.code_digest:
        return
    bundle = sources.decode(await admin.code(record))
    modules.make_importable(Path(bundle.root))
    changed = [
        module.path
        for module in bundle.modules
        if _is_changed(Path(bundle.root) / module.path, module.source)
    ]
    if changed:
        print(
            f"warning: {', '.join(changed)} changed since execution {record.id.name} started; it goes on with the code "
            f"that it started with (the new code is used by {invocation.command('recover', record.id.name)}, "
            "after it has failed or was aborted)",
            file=sys.stderr,
        )


def _is_changed(path: Path, source: bytes) -> bool:
    try:
        return path.read_bytes() != source
    except OSError:
        return True
