"""What must hold after a round of the storm of waits, whenever its engines were killed.

Every judge yields a sentence for each promise that it finds broken.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from elevon import app
from elevon.idl.messages import LiteralMap
from elevon.records.phases import AttemptPhase, ExecutionPhase
from elevon.records.snapshots import StoredExecution
from elevon.records.transitions import Transition
from elevon.sdk import types
from tests.storm import ledgers
from tests.storm.tasktypes.rounds import Ground, left_over
from tests.storm.waits import plans
from tests.storm.waits.plans import Waiter
from tests.storm.waits.rounds import ROLES, Round


class Found(NamedTuple):
    """What the home holds of one execution."""

    stored: StoredExecution
    history: Sequence[Transition]


def complaints(one: Round) -> Iterator[str]:
    """Everything that is wrong with a round that has been carried out."""
    yield from one.complaints
    found = asyncio.run(_read(one))
    for name, workflow in one.plan.awaited.items():
        yield from (f"{name} ({workflow}) {said}" for said in _awaited(workflow, found[name]))
    begun = Counter(line.subject for line in ledgers.read(one.ledger))
    for waiter in one.plan.waiters:
        said = [*_ended(waiter, found), *_waited_once(found[waiter.name])]
        if begun[waiter.name] > 1 + one.kill_count:
            said.append(f"its code was begun {begun[waiter.name]} times")
        yield from (f"{waiter.name} {sentence}" for sentence in said)
    yield from left_over(Ground(one.directory, {}))


def _awaited(workflow: str, found: Found) -> Iterator[str]:
    """It ended as it would have without anybody who waits; but what an aborted one awaited was aborted."""
    record = found.stored.execution
    wanted = plans.KINDS.get(workflow, ExecutionPhase.ABORTED)
    if record.phase is not wanted:
        yield f"is {record.phase} instead of {wanted}: {record.failure}"
    if record.aborted_by and wanted is not ExecutionPhase.ABORTED:
        yield f"was ended by {record.aborted_by}, which no restart may do"
    if wanted is ExecutionPhase.ABORTED and not record.aborted_by.startswith("waitable x"):
        yield f"was ended by {record.aborted_by!r} and not by the one that waited for it"


def _ended(waiter: Waiter, found: Mapping[str, Found]) -> Iterator[str]:
    """It ended as it was to, with the final phases."""
    record = found[waiter.name].stored.execution
    wanted = ExecutionPhase.SUCCEEDED if waiter.abort_after_s is None else ExecutionPhase.ABORTED
    if record.phase is not wanted:
        yield f"is {record.phase} instead of {wanted}: {record.failure}"
    elif wanted is ExecutionPhase.SUCCEEDED:
        outputs = LiteralMap.FromString(record.outputs or b"").literals
        phases = {name: str(found[name].stored.execution.phase) for name in waiter.awaits}
        told = types.literal_to_json(outputs["o0"])
        if told != phases:
            yield f"told of {told} instead of {phases}"


def _waited_once(found: Found) -> Iterator[str]:
    """One attempt, whose reports went on over all restarts and began nowhere anew."""
    attempts = found.stored.attempts
    if len(attempts) > 1:
        yield f"had {len(attempts)} attempts"
    for attempt in attempts:
        if not attempt.phase.is_terminal:
            yield f"was left with an attempt {attempt.phase}"
        if attempt.setback_count:
            yield f"went back {attempt.setback_count} times"
    waits = [
        each.phase_version
        for each in found.history
        if each.attempt is not None and each.phase == AttemptPhase.QUEUED
    ]
    if waits != sorted(set(waits)):
        yield f"reported the versions {waits} while it waited"


async def _read(one: Round) -> dict[str, Found]:
    async with app.reading(one.home) as admin:
        executions = [execution for role in ROLES for execution in one.plan.executions(role)]
        return {
            execution.name: Found(await admin.rows(execution), (await admin.view(execution)).history)
            for execution in executions
        }
