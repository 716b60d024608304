"""What `run`, `resume` and `recover` do at a server: it drives the executions, and the command watches.

A file is imported and compiled here; what the server gets is the compiled workflow, the code that its tasks need, and
inputs. It needs nothing of this machine but what inputs name: a file is given as its path.
"""

import sys
from collections.abc import Sequence

from elevon.admin import inputs
from elevon.admin.executions import DOMAIN, PROJECT, NewExecution
from elevon.admin.wire.extensions import Registration
from elevon.admin.wire.operations import Recovery
from elevon.cli import documents, drives, exits, remote_sites, reports, watches
from elevon.cli.endings import Ending
from elevon.cli.invocations import Invocation
from elevon.cli.remote_sites import RemoteSite
from elevon.idl.admin_messages import ExecutionCreateRequest, LaunchPlan
from elevon.primitives import ids
from elevon.records.executions import ExecutionRecord
from elevon.records.phases import UNFINISHED
from elevon.serve.clients import Client


async def run(new: NewExecution, invocation: Invocation, *, is_detached: bool) -> int:
    """Start an execution and watch it to its end, or only start it; returns the exit code."""
    with remote_sites.connected(invocation.remote) as site:
        if is_detached:
            name = await _start(site.client, new)
            return _conclude_detached(await site.find(name), invocation)

        async def start() -> Sequence[str]:
            name = await _start(site.client, new)
            reports.write(sys.stderr, f"execution {name}\n")
            return [name]

        return _conclude(await watches.watch(site, start, invocation), invocation)


async def recover(
    site: RemoteSite, failed: ExecutionRecord, new: NewExecution | None, invocation: Invocation, name: str
) -> int:
    """Recover an execution and watch the new one to its end; returns the exit code.

    Args:
        site: The server.
        failed: Of which it takes over what it reached.
        new: What is to run now; None for what ran before.
        invocation: How things are told.
        name: Of the new execution; empty for a random one.
    """

    async def start() -> Sequence[str]:
        version = (await _register(site.client, new)).id.version if new is not None else ""
        recovery = Recovery(name=name or ids.new(), launch_plan_version=version)
        made = (await site.client.recover(failed.id.name, recovery)).id.name
        reports.write(sys.stderr, f"execution {made}, recovered from {failed.id.name}\n")
        return [made]

    return _conclude(await watches.watch(site, start, invocation), invocation)


async def resume(names: Sequence[str], invocation: Invocation) -> int:
    """Have executions gone on with, all unfinished ones if none is named, and watch them; returns the exit code."""
    with remote_sites.connected(invocation.remote) as site:
        found = await _wanted(site, names)
        waiting = [record for record in found if not record.phase.is_terminal]
        over = [record.id.name for record in found if record.phase.is_terminal]
        ended = [Ending.of((await site.see(name, is_history_wanted=False)).view) for name in over]

        async def start() -> Sequence[str]:
            for record in waiting:
                await site.client.resume(record.id.name)
            return [record.id.name for record in waiting]

        watched = watches.Watched((), "")
        if waiting:
            watched = await watches.watch(site, start, invocation)
        elif not found and not invocation.is_json:
            print("nothing to do: no execution waits to be resumed")
    endings = [*ended, *watched.endings]
    if invocation.is_json:
        documents.write([documents.result(ending) for ending in endings])
    for ending in endings:
        if not invocation.is_json:
            drives.tell(ending, invocation, is_one_of_several=len(endings) > 1)
        if not ending.record.phase.is_terminal:
            watches.say_how_to_look(ending.record, watched.standing, invocation)
    return max((ending.exit_code for ending in endings), default=exits.Exit.SUCCEEDED)


async def _wanted(site: RemoteSite, names: Sequence[str]) -> list[ExecutionRecord]:
    """Those that are named, ended ones too, else all that are unfinished, oldest first."""
    if not names:
        return list(reversed(await site.list_executions(UNFINISHED, 0)))
    found = {record.id: record for record in [await site.find(name) for name in names]}
    for record in found.values():
        drives.say_if_ended(record)
    return list(found.values())


async def _start(client: Client, new: NewExecution) -> str:
    """Register and start; returns the name."""
    workflow = new.closure.primary.template.id.name
    completed = inputs.complete(workflow, new.parameters, new.given, new.unreadable)
    plan = await _register(client, new)
    request = ExecutionCreateRequest(
        project=PROJECT, domain=DOMAIN, name=new.name or ids.new(), inputs=completed
    )
    request.spec.launch_plan.CopyFrom(plan.id)
    request.spec.max_parallelism = new.max_parallelism
    return (await client.create(request)).id.name


async def _register(client: Client, new: NewExecution) -> LaunchPlan:
    registration = Registration(
        closure=new.closure.SerializeToString(deterministic=True),
        default_inputs=new.parameters.SerializeToString(deterministic=True),
        code=new.code,
        source_path=new.source_path,
    )
    return await client.register(registration)


def _conclude(watched: watches.Watched, invocation: Invocation) -> int:
    """Tell how the one execution that was watched has ended, or what becomes of it."""
    (ending,) = watched.endings
    if ending.record.phase.is_terminal:
        return drives.conclude(ending, invocation)
    if invocation.is_json:
        documents.write(documents.result(ending))
    watches.say_how_to_look(ending.record, watched.standing, invocation)
    return exits.Exit.SUSPENDED


def _conclude_detached(record: ExecutionRecord, invocation: Invocation) -> int:
    if invocation.is_json:
        documents.write(documents.result(Ending(record, {})))
    else:
        print(record.id.name)
    print(f"it runs at {invocation.remote}", file=sys.stderr)
    return exits.Exit.SUCCEEDED
