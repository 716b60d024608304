"""Commits while the engine steps on: nothing is done that is not durable, nothing is built on what is lost."""

import itertools
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from elevon import app, errors
from elevon.records.phases import AttemptPhase, Finalization
from tests.integration.engine import flows
from tests.integration.engine.memories import Entry, Memory, Noted
from tests.integration.engine.worlds import Call, compiled, drive, identity, outputs_of

FLOWS = pytest.mark.parametrize(
    "flow", [flows.chain, flows.five, flows.stubborn], ids=["chain", "fan", "one"]
)


@pytest.fixture
def memory(tmp_path: Path) -> Memory:
    return Memory(tmp_path)


def is_allowed(call: Entry, row: Entry | None) -> bool:
    """Whether what is durable of an attempt asks for a call."""
    if row is None or row.row is None:
        return False
    record = row.row
    match call.what:
        case "start":
            return record.phase in (AttemptPhase.STARTING, AttemptPhase.WAITING_FOR_RESOURCES) and (
                record.unanswered_start_count > 0
            )
        case "check":
            return record.phase.is_followed
        case "kill":
            return record.phase is AttemptPhase.KILLING
        case _:
            return record.phase.is_terminal


def unfounded(ledger: list[Entry]) -> list[Entry]:
    """The calls that nothing durable asked for when they were made."""
    durable: dict[tuple[str, int], Entry] = {}
    found: list[Entry] = []
    for entry in ledger:
        key = (entry.node_id, entry.attempt)
        if entry.what == "row":
            durable[key] = entry
        elif not is_allowed(entry, durable.get(key)):
            found.append(entry)
    return found


async def create(memory: Memory, flow: object) -> None:
    async with memory.engine(Noted(memory.ledger)) as embedded:
        await embedded.admin.create_execution(msgspec.structs.replace(compiled(flow), name="x1"))


@FLOWS
async def test_no_call_precedes_the_commit_of_its_intent(memory: Memory, flow: object) -> None:
    await create(memory, flow)
    async with memory.engine(Noted(memory.ledger)) as embedded:
        await drive(embedded, identity())
        record = await embedded.admin.get(identity())
    assert outputs_of(record) == {"o0": 1}
    assert {entry.what for entry in memory.ledger} == {"row", "start", "check", "finalize"}
    assert unfounded(memory.ledger) == []


@FLOWS
async def test_what_a_lost_batch_asked_for_is_not_done_and_a_resume_does_the_rest(
    tmp_path: Path, flow: object
) -> None:
    """Each commit of a run is the first lost one in turn, and all after it are lost too."""
    for number in itertools.count(1):
        memory = Memory(tmp_path / str(number))
        await create(memory, flow)
        memory.lose(number)
        before, after = Noted(memory.ledger), Noted(memory.ledger)
        async with memory.engine(before) as embedded:
            if await is_lost(embedded):
                memory.mend()
                async with memory.engine(after, name="e2") as resumed:
                    await drive(resumed, identity())
            record = await embedded.admin.get(identity())
            view = await embedded.admin.view(identity())
        assert outputs_of(record) == {"o0": 1}, number
        assert unfounded(memory.ledger) == [], number
        assert starts_unawares(before.calls + after.calls) == {node.id: 1 for node in view.walk()}, number
        assert all(one.finalization is Finalization.DONE for node in view.walk() for one in node.attempts)
        if not after.calls:
            break
    assert number > 3


async def is_lost(embedded: app.Embedded) -> bool:
    """Drive until a commit fails; whether one did."""
    try:
        await drive(embedded, identity())
    except errors.UnavailableError:
        return True
    return False


def starts_unawares(calls: Sequence[Call]) -> dict[str, int]:
    """How often each node was started without a word that it may have happened before."""
    return Counter(call.node_id for call in calls if call.kind == "start" and not call.may_have_happened)
