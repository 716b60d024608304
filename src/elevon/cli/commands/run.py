"""`elevon run [OPTIONS] FILE NAME [--PARAM VALUE ...]`: create an execution and drive it to its end."""

import argparse
import asyncio
import contextlib
import sys
from collections.abc import Container
from typing import NamedTuple

import msgspec

from elevon import app
from elevon.admin.executions import NewExecution
from elevon.cli import (
    answers,
    detaching,
    documents,
    drives,
    exits,
    grammar,
    invocations,
    parameters,
    programs,
    reports,
)
from elevon.cli.endings import Ending
from elevon.cli.invocations import Invocation


class _Order(NamedTuple):
    """What is to be run, understood."""

    program: programs.Program
    values: parameters.Values
    execution_id: str
    is_detached: bool

    def new_execution(self, known_task_types: Container[str] | None, max_parallelism: int) -> NewExecution:
        prepared = self.program.prepare(known_task_types)
        programs.warn(prepared)
        given, unreadable = self.values
        return msgspec.structs.replace(
            prepared,
            given=given,
            unreadable=unreadable,
            name=self.execution_id,
            max_parallelism=max_parallelism,
        )


def declare(parser: argparse.ArgumentParser) -> None:
    """Add options and arguments; what stands behind FILE is dealt out by `run`."""
    parser.usage = "elevon run [OPTIONS] FILE NAME [--PARAM VALUE ...]"
    parser.epilog = (
        "elevon run FILE NAME --help shows the parameters of a workflow. Options may also stand behind FILE,\n"
        "as long as the workflow has no parameter of that name."
    )
    parameters.add_own(parser)
    parser.add_argument("file", metavar="FILE", help="a Python file")
    parser.add_argument(
        "rest",
        metavar="NAME [--PARAM VALUE ...]",
        nargs=argparse.REMAINDER,
        help="a workflow of the file, or a task that is to run alone, and its inputs",
    )


def run(options: argparse.Namespace) -> int:
    """Run it; the exit code is that of the execution."""
    own = grammar.Parser(prog="elevon run", add_help=False)
    takes_value = parameters.add_own(own)
    grammar.add_debug(own, default=False)
    is_debugging = options.debug
    options.debug = is_debugging or "--debug" in options.rest  # until it is known whether it is a parameter
    before, name, behind = parameters.name_in(options.rest, takes_value)
    program = programs.load(options.file, name)
    interface = program.entity.interface
    words = parameters.deal(behind, interface.inputs, takes_value)
    if words.is_help_wanted or parameters.is_help_in(before):
        print(parameters.describe(f"elevon run {options.file} {name}", interface), end="")
        return exits.Exit.SUCCEEDED
    options.debug = is_debugging
    own.parse_args([*before, *words.ours], namespace=options)
    document = parameters.read_document(options.inputs) if options.inputs else {}
    values = parameters.read(words.texts, document, interface.inputs)
    order = _Order(program, values, options.execution_id, options.detach)
    invocation = invocations.of(options)
    if invocation.remote:
        invocation.check_engine_is_not_told()
    else:
        invocation.configure_logs()
    with answers.kept_free() if invocation.is_json else contextlib.nullcontext():
        return asyncio.run(_run_remotely(order, invocation) if invocation.remote else _run(order, invocation))


async def _run_remotely(order: _Order, invocation: Invocation) -> int:
    from elevon.cli import remote_runs  # brings the messages of the control plane

    new = order.new_execution(None, invocation.max_parallelism or 0)
    return await remote_runs.run(new, invocation, is_detached=order.is_detached)


async def _run(order: _Order, invocation: Invocation) -> int:
    settings = invocation.settings
    if order.is_detached:
        known = await app.task_types(invocation.home, settings, order.program.task_types())
        new = order.new_execution(known, settings.max_parallelism)
        async with app.reading(invocation.home) as admin:
            created = await admin.create_execution(new)
        log = detaching.start(created.id, invocation)
        if invocation.is_json:
            documents.write(documents.result(Ending(created, {})))
        else:
            print(created.id.name)
        print(f"it runs in the background; what it says goes to {log}", file=sys.stderr)
        return exits.Exit.SUCCEEDED
    async with app.embedded(invocation.home, settings) as embedded:
        known = await embedded.task_types(order.program.task_types())
        new = order.new_execution(known, settings.max_parallelism)
        await embedded.ensure_served(new)
        created = await embedded.admin.create_execution(new)
        reports.write(sys.stderr, f"execution {created.id.name}\n")
        (ending,) = await drives.drive(embedded, [created.id], invocation)
    return drives.conclude(ending, invocation)
