"""What must hold after a round, whenever its engines were killed.

Every judge yields a sentence for each promise that it finds broken; silence is the verdict that all is well.
"""

import time
from collections.abc import Iterator
from itertools import pairwise

import apsw
import psutil

from elevon.idl.messages import LiteralMap
from elevon.primitives import locks
from elevon.records.phases import ExecutionPhase, Finalization
from elevon.sdk import types
from tests.storm import ledgers, rounds
from tests.storm.rounds import Look, Round

EXPECTED = {"o0": 30, "o1": 62, "o2": -4, "o3": 6, "o4": 91}
_PATIENCE_S = 30.0


def complaints(one: Round) -> Iterator[str]:
    """Everything that is wrong with a round that has been carried out."""
    yield from one.complaints
    end = one.look()
    if end.stored is None:
        yield "no execution is there at the end"
        return
    is_doomed = one.plan.workflow == "doomed"
    yield from _failure(end) if is_doomed else _outputs(end)
    yield from _unfinished(end)
    yield from _repeated(one, [*one.kills, end])
    yield from _overlapping(one)
    yield from _ended_outside(one) if is_doomed else _done_outside(one)
    yield from _left_over(one)
    database = apsw.Connection(str(one.home.database))
    database.set_busy_timeout(10_000)  # another process may be closing it just now
    integrity = database.execute("PRAGMA integrity_check").get
    if integrity != "ok":
        yield f"the database is damaged: {integrity}"


def _outputs(end: Look) -> Iterator[str]:
    assert end.stored is not None
    record = end.stored.execution
    found = {
        name: types.literal_to_json(literal)
        for name, literal in LiteralMap.FromString(record.outputs or b"").literals.items()
    }
    if found != EXPECTED:
        yield f"the execution is {record.phase} with the outputs {found}: {record.failure}"


def _failure(end: Look) -> Iterator[str]:
    assert end.stored is not None
    record = end.stored.execution
    if record.phase is not ExecutionPhase.FAILED or "the batch is spoilt" not in str(record.failure):
        yield f"the execution is {record.phase}: {record.failure}"


def _unfinished(end: Look) -> Iterator[str]:
    assert end.stored is not None
    for node in end.stored.nodes:
        if not node.phase.is_terminal:
            yield f"node {node.node_id} was left {node.phase}"
    for attempt in end.stored.attempts:
        if not attempt.phase.is_terminal or attempt.finalization is Finalization.PENDING:
            name = f"{attempt.node_id}#{attempt.attempt}"
            yield f"attempt {name} was left {attempt.phase}, with finalize {attempt.finalization}"


def _repeated(one: Round, looks: list[Look]) -> Iterator[str]:
    """What was durable never runs again; of what was finished without being durable, one a worker may."""
    lines = ledgers.read(one.ledger)
    for before, after in pairwise(looks):
        again = {line.subject for line in lines[before.line_count : after.line_count] if line.what == "begin"}
        for subject in sorted(again & _durable(before)):
            yield f"{subject} was durable and ran again"
        finished = {line.subject for line in lines[: before.line_count] if line.what == "end"}
        repeated = sorted(again & finished)
        if len(repeated) > rounds.WORKER_COUNT:
            yield f"{', '.join(repeated)} were finished and ran again, with {rounds.WORKER_COUNT} workers"


def _durable(look: Look) -> set[str]:
    """Attempts that are terminal, or whose node is."""
    if look.stored is None:
        return set()
    over = {node.node_id for node in look.stored.nodes if node.phase.is_terminal}
    return {
        f"{attempt.node_id}#{attempt.attempt}"
        for attempt in look.stored.attempts
        if attempt.phase.is_terminal or attempt.node_id in over
    }


def _overlapping(one: Round) -> Iterator[str]:
    """A task of a dead engine has ended before it is run again."""
    running: dict[str, int] = {}
    for line in ledgers.read(one.ledger):
        if line.what == "begin":
            running[line.subject] = line.pid
        elif running[line.subject] != line.pid:
            yield f"{line.subject} still ran in process {line.pid} when {running[line.subject]} had begun it again"


def _created(one: Round) -> list[str]:
    return [line.subject for line in ledgers.read(one.service) if line.what == "create"]


def _created_twice(created: list[str]) -> Iterator[str]:
    for name in sorted({name for name in created if created.count(name) > 1}):
        yield f"{name} was created {created.count(name)} times"


def _ended_outside(one: Round) -> Iterator[str]:
    """The service was asked once for each thing, and ended each; the press was told to clean up."""
    created = _created(one)
    yield from _created_twice(created)
    ended = {(line.what, line.subject) for line in ledgers.read(one.service)}
    for name in created:
        if not any(what == "kill" and name.startswith(subject) for what, subject in ended):
            yield f"{name} was created and never killed"
        if ("kill", name) in ended and ("finalize", name) not in ended:
            yield f"{name} was killed and never finalized"


def _done_outside(one: Round) -> Iterator[str]:
    """The service was asked once for each thing, killed nothing, and was told to clean up."""
    lines = ledgers.read(one.service)
    created = _created(one)
    yield from _created_twice(created)
    if len(set(created)) != 3:
        yield f"three things were to be created, and these were: {sorted(set(created))}"
    for line in lines:
        if line.what == "kill":
            yield f"{line.subject} was killed, which no restart may do"
    if not any(line.what == "finalize" for line in lines):
        yield "the press was never finalized"


def _left_over(one: Round) -> Iterator[str]:
    """No process, no worker's folder, no held lock."""
    deadline = time.monotonic() + _PATIENCE_S
    while (left := list(_traces(one))) and time.monotonic() < deadline:
        time.sleep(0.02)
    yield from left


def _traces(one: Round) -> Iterator[str]:
    for process in psutil.process_iter(["cmdline", "environ", "pid", "status"]):
        environment = process.info["environ"] or {}
        if environment.get("HOME") == str(one.directory) and process.info["status"] != psutil.STATUS_ZOMBIE:
            yield f"process {process.info['pid']} was left over: {process.info['cmdline']}"
    for path in one.home.scratch_dir.iterdir():
        yield f"the folder {path} was left over"
    for path in one.home.engines_dir.glob("*.lock"):
        if locks.is_held(path):
            yield f"the lock {path} is still held"
