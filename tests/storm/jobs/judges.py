"""What must hold after a round of the storm of jobs, whenever its engines and its service were killed.

Every judge yields a sentence for each promise that it finds broken.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from elevon import errors
from elevon.idl.messages import LiteralMap
from elevon.primitives.clocks import SystemClock
from elevon.records.phases import ExecutionPhase, Finalization
from elevon.records.snapshots import StoredExecution
from elevon.stores.sqlite import SqliteStateStore
from http_job.server.ledgers import Entry, What
from tests.storm.jobs.behaviours import Behaviour
from tests.storm.jobs.rounds import Round


def complaints(one: Round, entries: Sequence[Entry]) -> Iterator[str]:
    """Everything that is wrong with a round that has been carried out."""
    yield from one.complaints
    stored = asyncio.run(_read(one))
    by_run: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        by_run[entry.key.partition("-")[0]].append(entry)
    for run in one.plan.runs:
        said = [*_ended(run, stored), *_jobs(run, by_run[run.execution.name])]
        yield from (f"run {run.seed} ({run.kind.workflow.__name__}): {sentence}" for sentence in said)


def _ended(run: Behaviour, stored: Mapping[str, StoredExecution]) -> Iterator[str]:
    """It ended as it was to, and nothing of it is left open."""
    found = stored.get(run.execution.name)
    if found is None:
        yield "it is not there"
        return
    record = found.execution
    if record.phase is not run.kind.phase:
        yield f"it is {record.phase}: {record.failure}"
    elif record.phase is ExecutionPhase.SUCCEEDED:
        value = LiteralMap.FromString(record.outputs or b"").literals["o0"].scalar.primitive.integer
        if value != run.seed:
            yield f"it returned {value}"
    for attempt in found.attempts:
        if not attempt.phase.is_terminal or attempt.finalization is Finalization.PENDING:
            yield f"attempt {attempt.attempt} was left {attempt.phase}, with finalize {attempt.finalization}"


def _jobs(run: Behaviour, entries: Sequence[Entry]) -> Iterator[str]:
    """Each job was asked for once, and ended if it does not end by itself."""
    created = [entry.key for entry in entries if entry.what is What.CREATED]
    ended = {entry.key for entry in entries if entry.what is What.DELETED}
    for entry in entries:
        if entry.what is What.REPEATED:
            yield f"a second job was asked for under {entry.key}"
    for key in sorted({key for key in created if created.count(key) > 1}):
        yield f"{created.count(key)} jobs were made under {key}"
    is_abort = run.kind.phase is ExecutionPhase.ABORTED
    if len(created) > run.kind.job_count or (len(created) < run.kind.job_count and not is_abort):
        yield f"{run.kind.job_count} jobs were to be made, and {len(created)} were"
    if run.kind.is_ended_from_outside:
        yield from (f"the job of {key} was never deleted" for key in created if key not in ended)
    elif ended:
        yield f"{', '.join(ended)} was deleted, which no restart may do"


async def _read(one: Round) -> dict[str, StoredExecution]:
    store = SqliteStateStore(one.home.database, SystemClock())
    await store.open()
    found: dict[str, StoredExecution] = {}
    try:
        for run in one.plan.runs:
            try:
                found[run.execution.name] = await store.load_execution(run.execution)
            except errors.NotFoundError:
                continue
    finally:
        await store.close()
    return found
