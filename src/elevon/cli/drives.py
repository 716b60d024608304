"""Driving executions from a terminal: what is shown, what Ctrl-C does, and how it ends.

It owns the last words of `run`, `resume` and `recover`, and that a signal suspends, so that everything stays resumable.
"""

import asyncio
import contextlib
import sys
from collections.abc import Sequence

from elevon import app, errors
from elevon.admin.views import ExecutionView
from elevon.cli import documents, exits, reports, signals, spellings
from elevon.cli.endings import Ending
from elevon.cli.invocations import Invocation
from elevon.records.executions import ExecutionRecord
from elevon.records.identities import ExecutionId
from elevon.records.phases import ExecutionPhase


async def drive(
    embedded: app.Embedded, executions: Sequence[ExecutionId], invocation: Invocation
) -> Sequence[Ending]:
    """Drive executions until all have ended, or until a signal suspends them; returns them as they then are.

    Raises:
        ConflictError: Somebody else drives one of them.
        EngineStoppedError: The engine could not go on.
    """
    views = [await embedded.admin.view(execution, is_history_wanted=False) for execution in executions]
    with report_of(views, invocation) as report:
        embedded.engine.observe(report.changed)
        try:
            await _drive_or_suspend(embedded, executions, report)
        except errors.ConflictError:
            raise
        except errors.ElevonError as error:
            resume = invocation.command("resume", *(execution.name for execution in executions))
            raise exits.EngineStoppedError(error, resume) from error
    return [Ending(await embedded.admin.get(view.record.id), view.outputs) for view in views]


async def _drive_or_suspend(
    embedded: app.Embedded, executions: Sequence[ExecutionId], report: reports.Report
) -> None:
    interrupted = asyncio.Event()

    async def suspend() -> None:
        await interrupted.wait()
        await embedded.engine.suspend()
        report.say(signals.SUSPENDING)

    with signals.caught(interrupted.set, lambda: report.__exit__(None, None, None)):
        suspending = asyncio.ensure_future(suspend())
        try:
            await embedded.engine.drive(*executions)
        finally:
            if not interrupted.is_set():
                suspending.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await suspending


def report_of(views: Sequence[ExecutionView], invocation: Invocation) -> reports.Report:
    """What tells of executions while they run: nothing for a program, a tree on a terminal, lines otherwise."""
    if invocation.is_json:
        return reports.SilentReport()
    if sys.stderr.isatty():
        from elevon.cli import livetrees  # rich is slow to import, and only a terminal needs it

        return livetrees.LiveTree(views)
    return reports.PlainReport(views, sys.stderr)


def conclude(ending: Ending, invocation: Invocation) -> exits.Exit:
    """Print how an execution ended, as a document or for people; returns the exit code."""
    if invocation.is_json:
        documents.write(documents.result(ending))
    else:
        tell(ending, invocation)
    say_how_to_go_on(ending.record, invocation)
    return exits.of_phase(ending.record.phase)


def tell(ending: Ending, invocation: Invocation) -> None:
    """How an execution ended, for people: its outputs on stdout, or its error on stderr."""
    record = ending.record
    name = record.id.name
    if record.phase is ExecutionPhase.SUCCEEDED:
        outputs = documents.values(record.outputs, ending.types, is_shortened=True)
        if outputs:
            print("\n".join(["outputs:", *spellings.values(outputs)]))
    elif record.phase.is_terminal:
        lines = spellings.failure(record.failure) if record.failure else [f"{name} is {record.phase}"]
        hints = [
            f"more: {invocation.command('show', name)}",
            f"once it is mended: {invocation.command('recover', name)}",
        ]
        print("\n".join([*lines, *hints]), file=sys.stderr)


def say_if_ended(record: ExecutionRecord) -> None:
    """Say on stderr that there is nothing to go on with."""
    if record.phase.is_terminal:
        print(f"execution {record.id.name} has ended already, it is {record.phase}", file=sys.stderr)


def say_how_to_go_on(record: ExecutionRecord, invocation: Invocation) -> None:
    """Print the command that resumes a suspended execution, on stderr."""
    if not record.phase.is_terminal:
        go_on = invocation.command("resume", record.id.name)
        reports.write(sys.stderr, f"suspended; go on with: {go_on}\n")
