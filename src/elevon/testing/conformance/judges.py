"""What must hold at the end of a run, whatever went wrong in it.

A judge reads the story and the ledgers, and complains in the words of the contract. It must never judge what the plan
made impossible.
"""

from collections.abc import Callable, Iterator
from typing import Final

from elevon.compiler import binding_types
from elevon.idl import literal_types
from elevon.idl.messages import LiteralMap
from elevon.records.attempts import AttemptRecord
from elevon.records.phases import AttemptPhase, ExecutionPhase
from elevon.sdk import types
from elevon.testing.conformance.promises import Complaint, Promise
from elevon.testing.conformance.stories import What
from elevon.testing.conformance.worlds import Creation, World

_OUTCOME: Final = {
    AttemptPhase.SUCCEEDED: ExecutionPhase.SUCCEEDED,
    AttemptPhase.FAILED: ExecutionPhase.FAILED,
    AttemptPhase.RETRYABLE_FAILED: ExecutionPhase.FAILED,
}


def judge(world: World) -> None:
    """Add to the story what was broken."""
    for look in _JUDGES:
        world.story.complaints.extend(look(world))


def _created_twice(world: World) -> Iterator[Complaint]:
    """Each effect at most once for each attempt."""
    seen: dict[str, list[Creation]] = {}
    for creation in world.creations:
        owner = creation.thing.token if creation.call is None else creation.call.name
        earlier = [each for each in seen.get(owner, []) if not each.thing.is_forgotten]
        seen.setdefault(owner, []).append(creation)
        again = any(each.thing.token == creation.thing.token for each in earlier)
        if again or len(earlier) >= world.scenario.creation_count:
            yield Complaint(*_blame(world, creation, len(earlier) + 1), creation.place)
            return


def _blame(world: World, creation: Creation, count: int) -> tuple[Promise, str]:
    call = creation.call
    method = "a loop of the executor" if call is None else call.method
    record = None if call is None else world.attempts.get(call.attempt)
    has_shrugged = call is not None and (call.has_shrugged or (record is not None and record.has_shrugged))
    what = (
        f"{method} made {creation.thing.id} at the service, and that is number {count} for the same attempt"
    )
    if has_shrugged:
        return Promise.ONCE, (
            f"{what}: once had refused to go on because it may have happened, and that was passed over"
        )
    if creation.is_in_once:
        return Promise.ONCE, f"{what}: find must return the result for a token that the service knows"
    if method == "start_task":
        return Promise.START, f"{what}: look under the token first where start_may_have_happened, or use once"
    return Promise.ONCE, f"{what}: submit through once, whose result is committed"


def _made_too_late(world: World) -> Iterator[Complaint]:
    """Nothing is begun for an attempt that is over."""
    ended: dict[int, int] = {}
    for place, entry in enumerate(world.story.entries):
        if entry.what is What.COMMITTED and entry.attempt is not None and entry.name in _TERMINAL:
            ended.setdefault(entry.attempt, place)
    for creation in world.creations:
        call = creation.call
        if call is not None and ended.get(call.attempt, creation.place) < creation.place:
            yield Complaint(
                Promise.FINALIZE if call.method == "finalize_task" else Promise.KILL,
                f"{call.method} made {creation.thing.id} at the service after the attempt had ended",
                creation.place,
            )


def _left_over(world: World) -> Iterator[Complaint]:
    """What was made has ended, or was ended, when the execution is over."""
    if not world.execution.phase.is_terminal:
        return
    now = world.clock.now()
    for creation in world.creations:
        if not creation.thing.is_running(now):
            continue
        attempt = 0 if creation.call is None else creation.call.attempt
        if _was_killed(world, attempt) and creation.thing.ends_at is not None:
            yield Complaint(
                Promise.KILL,
                f"kill_task returned, and {creation.thing.id} still runs: end it, also where no state tells of it",
                _place_of_kill(world, attempt),
            )
        else:
            yield Complaint(
                Promise.FINALIZE,
                f"the attempt has ended, and {creation.thing.id} is left over: end it before a terminal status, or in "
                "finalize_task",
                len(world.story.entries),
            )
        return


def _spared(world: World) -> Iterator[Complaint]:
    """What was there before is nobody's to end, but by a kill that ends what the attempt lives on."""
    killed = [attempt for attempt in world.committed if _was_killed(world, attempt)]
    now = world.clock.now()
    left = [thing for thing in world.given if thing.is_running(now)]
    if world.execution.phase.is_terminal and killed and left:
        yield Complaint(
            Promise.KILL,
            f"kill_task returned, and {left[0].id} still runs: end it, also where no state tells of it",
            _place_of_kill(world, killed[-1]),
        )


def _was_killed(world: World, attempt: int) -> bool:
    return any(
        entry.what is What.RETURNED and entry.name == "kill_task" and entry.attempt == attempt
        for entry in world.story.entries
    )


def _place_of_kill(world: World, attempt: int) -> int:
    return max(
        place
        for place, entry in enumerate(world.story.entries)
        if entry.what is What.RETURNED and entry.name == "kill_task" and entry.attempt == attempt
    )


def _never_ended(world: World) -> Iterator[Complaint]:
    """The execution comes to an end."""
    if world.execution.phase.is_terminal:
        return
    place = len(world.story.entries)
    parked = next((record for record in world.committed.values() if record.is_parked), None)
    if parked is not None:
        yield from _parked(world, parked, place)
    elif world.is_endless:
        hours = world.clock.monotonic() / 3600
        yield Complaint(_lasting(world), f"the execution had not ended after {hours:.0f} h", place)
    else:
        yield Complaint(
            _lasting(world), "the execution stands still: nothing is left that could happen", place
        )


def _parked(world: World, record: AttemptRecord, place: int) -> Iterator[Complaint]:
    if "may already have happened" in record.reason:
        if not world.scenario.may_wait_for_operator:
            yield Complaint(
                Promise.ONCE,
                f"the attempt waits for a person, because once has no find: {record.reason}; give it one, or set "
                "may_wait_for_operator where the service can't be asked",
                place,
            )
    else:
        yield Complaint(Promise.STATE, f"the attempt waits for a person: {record.reason}", place)


def _lasting(world: World) -> Promise:
    if world.plan.forgets:
        return Promise.ERRORS
    return Promise.RESTART if world.plan.has_restart else Promise.RESULT


def _wrong_end(world: World) -> Iterator[Complaint]:
    """The execution ends as it does undisturbed, as far as the faults allow."""
    record = world.execution
    if not record.phase.is_terminal:
        return
    place = len(world.story.entries)
    wanted = _OUTCOME[world.scenario.ends_as]
    is_right = record.phase is wanted
    is_aborted = world.plan.aborts and record.phase is ExecutionPhase.ABORTED
    # A state that was made up may name what the service does not have.
    is_excused = is_aborted or world.plan.forgets or world.plan.old_version is not None
    if not is_right and not is_excused:
        reason = record.failure.message if record.failure else "no reason is given"
        code = record.failure.code if record.failure else ""
        promise = Promise.STATE if code == "SYSTEM:StateRefused" else _ending(world, reason)
        yield Complaint(promise, f"the execution is {record.phase} instead of {wanted}: {reason}", place)
    if is_right and record.phase is ExecutionPhase.SUCCEEDED:
        yield from _wrong_outputs(world, place)


def _ending(world: World, reason: str) -> Promise:
    if "without the outputs" in reason or "without its outputs" in reason:
        return Promise.OUTPUTS
    if any(entry.what is What.FAULT and entry.attempt is not None for entry in world.story.entries):
        return Promise.ERRORS  # the service disturbed a call of the attempt
    return Promise.RESTART if world.plan.has_restart else Promise.RESULT


def _wrong_outputs(world: World, place: int) -> Iterator[Complaint]:
    outputs = LiteralMap.FromString(world.execution.outputs or b"").literals
    declared = world.subject.template.interface.outputs.variables
    for name, literal in outputs.items():
        source = binding_types.constant_type(literal.scalar) if literal.HasField("scalar") else None
        if source is not None and not literal_types.is_assignable(source, declared[name].type):
            yield Complaint(
                Promise.OUTPUTS,
                f"the output {name!r} is {literal_types.describe(source)}, and the task declares "
                f"{literal_types.describe(declared[name].type)}: return a literal of that type",
                place,
            )
            return
    if world.scenario.outputs is None:
        return
    found = {name: types.literal_to_json(literal) for name, literal in outputs.items()}
    if found != dict(world.scenario.outputs):
        yield Complaint(
            Promise.RESTART if world.plan.has_restart else Promise.RESULT,
            f"the outputs are {found} instead of {dict(world.scenario.outputs)}",
            place,
        )


_TERMINAL: Final = frozenset(phase for phase in AttemptPhase if phase.is_terminal)
_JUDGES: Final[tuple[Callable[[World], Iterator[Complaint]], ...]] = (
    _created_twice,
    _made_too_late,
    _never_ended,
    _wrong_end,
    _left_over,
    _spared,
)
