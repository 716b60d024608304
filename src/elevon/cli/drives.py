"""Driving executions from a terminal: what is shown, what Ctrl-C does, and how it ends.

It owns the last words of `run`, `resume` and `recover`, and that a signal suspends, so that everything stays resumable.
"""

import asyncio
import contextlib
import itertools
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from elevon import app, errors
from elevon.admin.views import ExecutionView
from elevon.cli import documents, exits, reports, signals, spellings
from elevon.cli.endings import Ending
from elevon.cli.invocations import Invocation
from elevon.records.attempts import AttemptRecord
from elevon.records.executions import ExecutionRecord
from elevon.records.identities import ExecutionId
from elevon.records.phases import ExecutionPhase

_SHOWN_REASONS: Final = 3


async def drive(
    embedded: app.Embedded, executions: Sequence[ExecutionId], invocation: Invocation
) -> Sequence[Ending]:
    """Drive executions until all have ended, until a signal suspends them, or until an operator is needed for all.

    Returns:
        The executions as they then are.

    Raises:
        ConflictError: Somebody else drives one of them.
        EngineStoppedError: The engine could not go on.
    """
    views = [await embedded.admin.view(execution, is_history_wanted=False) for execution in executions]
    resume = invocation.command("resume", *(execution.name for execution in executions))
    with report_of(views, invocation) as report:
        embedded.engine.observe(report.changed)
        try:
            stalls = await _drive_or_suspend(embedded, executions, report, resume)
        except errors.ConflictError:
            raise
        except errors.ElevonError as error:
            raise exits.EngineStoppedError(error, resume) from error
    return [
        Ending(await embedded.admin.get(view.record.id), view.outputs, stalls.get(view.record.id, ()))
        for view in views
    ]


async def _drive_or_suspend(
    embedded: app.Embedded, executions: Sequence[ExecutionId], report: reports.Report, resume: str
) -> Mapping[ExecutionId, Sequence[AttemptRecord]]:
    interrupted = asyncio.Event()

    async def suspend() -> None:
        await interrupted.wait()
        await embedded.engine.suspend()
        report.say(signals.SUSPENDING)

    def end_at_once() -> None:
        report.__exit__(None, None, None)
        reports.write(sys.stderr, f"ended at once; go on with: {resume}\n")

    with signals.caught(interrupted.set, end_at_once):
        suspending = asyncio.ensure_future(suspend())
        try:
            return await embedded.engine.drive(*executions, waits_for_operators=False)
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
    say_how_to_go_on(ending, invocation)
    return ending.exit_code


def tell(ending: Ending, invocation: Invocation, *, is_one_of_several: bool = False) -> None:
    """How an execution ended, for people: its outputs on stdout, or its error on stderr; of several with its name."""
    record = ending.record
    name = record.id.name
    if record.phase is ExecutionPhase.SUCCEEDED:
        outputs = documents.values(record.outputs, ending.types, is_shortened=True)
        if outputs:
            heading = f"outputs of {name}:" if is_one_of_several else "outputs:"
            print("\n".join([heading, *spellings.values(outputs)]))
    elif record.phase.is_terminal:
        lines = list(spellings.failure(record.failure)) if record.failure else [f"{name} is {record.phase}"]
        if is_one_of_several and record.failure:
            lines[0] = f"{name}: {lines[0]}"
        hints = [
            f"more: {invocation.command('show', name)}",
            f"once it is mended: {invocation.command('recover', name)}",
        ]
        print("\n".join([*lines, *hints]), file=sys.stderr)


def say_if_ended(record: ExecutionRecord) -> None:
    """Say on stderr that there is nothing to go on with."""
    if record.phase.is_terminal:
        print(f"execution {record.id.name} has ended already, it is {record.phase}", file=sys.stderr)


def say_how_to_go_on(ending: Ending, invocation: Invocation) -> None:
    """Say on stderr what an execution waits for that was left unfinished, and print the command that resumes it."""
    if ending.record.phase.is_terminal:
        return
    name = ending.record.id.name
    what = "stopped" if ending.stalls else "suspended"
    lines = [*_needs(ending, invocation), f"{what}; go on with: {invocation.command('resume', name)}"]
    reports.write(sys.stderr, "".join(f"{line}\n" for line in lines))


def _needs(ending: Ending, invocation: Invocation) -> Iterator[str]:
    """What an operator has to do, a sentence for each reason; the first ones, as each attempt may have its own."""
    name = ending.record.id.name
    by_reason: dict[tuple[str, str], list[str]] = {}
    for stall in ending.stalls:
        by_reason.setdefault((stall.task_type, stall.reason), []).append(stall.node_id)
    for (task_type, reason), nodes in itertools.islice(by_reason.items(), _SHOWN_REASONS):
        others = f" and {len(nodes) - 1} more" if len(nodes) > 1 else ""
        waits = "wait" if others else "waits"
        yield (
            f"elevon: {nodes[0]}{others} of the type {task_type!r} {waits} for an operator, and nothing else of "
            f"execution {name} can go on: {reason}"
        )
    if len(by_reason) > _SHOWN_REASONS:
        yield f"{len(by_reason) - _SHOWN_REASONS} more reasons: {invocation.command('show', name)}"
