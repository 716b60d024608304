"""`elevon plugin replay EXECUTION NODE`: what an executor would say now to what it was asked then."""

import argparse
import asyncio
import sys
from pathlib import Path

from elevon import app
from elevon.app import Settings
from elevon.cli import documents, exits, grammar, invocations, orders, spellings
from elevon.cli.invocations import Invocation
from elevon.compiler import index
from elevon.plugin.descriptions import HostSettings
from elevon.plugin.processes import surroundings
from elevon.plugin.registry import Registration
from elevon.records.identities import AttemptId
from elevon.testing.replays import processes, recordings
from elevon.testing.replays.recordings import Code, Outcome, Ran, Recording, Verdict

_HEADER = ("STEP", "RECORDED", "NOW", "VERDICT")


def declare(parser: argparse.ArgumentParser) -> None:
    """Add options and arguments."""
    grammar.add_home(parser)
    grammar.add_output(parser)
    grammar.add_tasktypes(parser)
    orders.declare_attempt(parser)


def run(options: argparse.Namespace) -> int:
    """Replay it; the exit code is 1 if something differs."""
    invocation = invocations.of(options)
    settings = invocation.settings
    recording, host = asyncio.run(_record(options, invocation, settings))
    outcome = processes.carry_out(recording, host)
    if outcome.problem:
        print(f"elevon: {outcome.problem}", file=sys.stderr)
        return exits.Exit.USAGE
    if invocation.is_json:
        documents.write(_document(recording, outcome))
    else:
        _tell(recording, outcome)
    has_changed = any(verdict.is_same is False for verdict in outcome.verdicts)
    return exits.Exit.FAILED if has_changed else exits.Exit.SUCCEEDED


async def _record(
    options: argparse.Namespace, invocation: Invocation, settings: Settings
) -> tuple[Recording, HostSettings]:
    """What is replayed, and the environment that has the executor."""
    known = app.registry(settings, are_problems_told=False)
    async with app.reading(invocation.home) as admin:
        execution = (await admin.find(options.execution)).id
        record = await admin.attempts.find(execution, options.node, options.attempt)
        stored = await admin.rows(execution)
        executor = known.of_type(record.task_type)
        recording = recordings.of(
            Ran(stored, index(await admin.closure(stored.execution)), await admin.expansions(stored)),
            record,
            await admin.attempts.history(record, execution),
            _code(executor, settings, stored.execution.source_path),
            str(invocation.home.attempt_dir(AttemptId(execution, record.node_id, record.attempt))),
        )
    return recording, executor.host or processes.HERE


def _code(executor: Registration, settings: Settings, source_path: str) -> Code:
    """The code in its environment; that of a workflow's file is importable where the engine's packages are."""
    places = surroundings.import_path(executor.host or processes.HERE)
    beside_source = [str(Path(source_path).parent)] if source_path and places else []
    return Code(
        executor=executor.path,
        search_path=(str(Path.cwd()), *beside_source, *places),
        settings=settings.configuration.get(executor.id, {}),
        state_limit_bytes=settings.state_limit_bytes,
        pools=tuple(settings.pools),
    )


def _tell(recording: Recording, outcome: Outcome) -> None:
    attempt = recording.attempt
    print(
        f"attempt {attempt.attempt} of node {attempt.node_id} in execution {attempt.execution.name}, "
        f"replayed by {recording.code.executor}"
    )
    if not outcome.verdicts:
        print("nothing is recorded that an executor said")
        return
    print("\n".join(spellings.table(_HEADER, [_row(verdict) for verdict in outcome.verdicts])))
    counts = [sum(one.is_same is kind for one in outcome.verdicts) for kind in (True, False, None)]
    print("{} the same, {} different, {} not checked".format(*counts))


def _row(verdict: Verdict) -> tuple[str, ...]:
    said = _word(verdict)
    return verdict.step, verdict.recorded, verdict.found, f"{said}: {verdict.note}" if verdict.note else said


def _word(verdict: Verdict) -> str:
    if verdict.is_same is None:
        return "needs the service"
    return "same" if verdict.is_same else "different"


def _document(recording: Recording, outcome: Outcome) -> documents.Document:
    return {
        "execution": recording.attempt.execution.name,
        "node": recording.attempt.node_id,
        "attempt": recording.attempt.attempt,
        "executor": recording.code.executor,
        "steps": [
            {
                "step": verdict.step,
                "recorded": verdict.recorded,
                "found": verdict.found or None,
                "verdict": _word(verdict),
                "note": verdict.note or None,
            }
            for verdict in outcome.verdicts
        ],
    }
