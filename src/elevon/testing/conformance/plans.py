"""Which plan a seed stands for: single faults first, those at an undisturbed run before others, then mixtures.

The moments are learnt by a few runs that are the same for every check of a scenario, so that a seed means the same plan
whenever it is given.
"""

import itertools
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from elevon.testing.conformance.faults import (
    ALLOCATE,
    BEGIN,
    CACHE,
    COMMIT,
    COMMITTED,
    DONE,
    LAUNCHER,
    SERVICE,
    SYNC,
    TURN,
    Action,
    Fault,
    Plan,
)

SINGLE_LIMIT: Final = 150
"""So many seeds, from 1, stand for single faults; what lies beyond are mixtures."""
_NUMBERS: Final = 4
_TURNS: Final = 12
_COMMIT_LIMIT: Final = 12
_CALL_LIMIT: Final = 4
_WHILE_S: Final = 5.0
_PAUSES_S: Final = (0.0, 1.0, 100.0)
_MOST_FAULTS: Final = 3
_AT_METHOD: Final = (Action.KILL, Action.ABORT)
_AFTER_METHOD: Final = (Action.KILL, Action.DROP, Action.STALL)
_AFTER_LOOK: Final = (*_AFTER_METHOD, Action.WAKE)
_UNKNOWN_TO_THE_ENGINE: Final = (Action.KILL, Action.LOSE, Action.FORGET)
_REFUSALS: Final = {ALLOCATE: Action.WITHHOLD, CACHE: Action.EVICT, SYNC: Action.POISON}
_LOOKS: Final = frozenset({f"start_task{DONE}", f"check_task_status{DONE}"})
_AT_SERVICE: Final = (Action.REFUSE, Action.SLOW, Action.OUTAGE, Action.REPEAT, Action.KILL, Action.ABORT)
_AFTER_SERVICE: Final = (
    Action.KILL,
    Action.LOSE,
    Action.HANG,
    Action.STALL,
    Action.FORGET,
    Action.ABORT,
)


class Base(NamedTuple):
    """A run to which faults are added.

    Attributes:
        faults: What goes wrong in it anyway.
        counts: How often each of its moments comes.
    """

    faults: tuple[Fault, ...]
    counts: Mapping[str, int]


def base_faults(calm: Mapping[str, int]) -> list[tuple[Fault, ...]]:
    """The runs that are worth adding faults to, judged by the moments of an undisturbed one."""
    last_check = calm.get("check_task_status", 0)
    wanted = [Fault(BEGIN, 1, Action.ABORT), Fault("start_task", 1, Action.ABORT)]
    wanted += [
        Fault("check_task_status", number, Action.ABORT)
        for number in sorted({1, last_check})
        if number <= last_check
    ]
    return [(), *((fault,) for fault in wanted)]


class Plans:
    """The plans of one scenario.

    Args:
        bases: Runs to which faults are added; the first is the undisturbed one.
        old_versions: Versions of states that earlier releases wrote.
    """

    def __init__(self, bases: Sequence[Base], old_versions: Sequence[int] = ()) -> None:
        self._bases = bases
        calm, *aborted = bases
        first = list(itertools.chain([Plan()], _old(old_versions), _singles([calm], range(1))))
        sure = itertools.chain(_after_commits(calm.counts), _around_calls(calm.counts))
        rest = itertools.chain(_singles(aborted, range(1)), _singles(bases, range(1, _NUMBERS)))
        plans = dict.fromkeys(itertools.chain(first, sure, rest))
        self._singles = list(itertools.islice(plans, SINGLE_LIMIT))

    def of_seed(self, seed: int) -> Plan:
        """The plan that a seed stands for."""
        if 1 <= seed <= len(self._singles):
            return self._singles[seed - 1]
        rng = random.Random(f"plan {seed}")  # noqa: S311 - a seed is to give the same plan for ever
        base = rng.choice(self._bases)
        added = [_draw(rng, base.counts) for _ in range(rng.randint(1, _MOST_FAULTS))]
        faults = dict.fromkeys((*base.faults, *added))
        return Plan(faults=tuple(faults), pause_s=rng.choice(_PAUSES_S))


def _old(versions: Sequence[int]) -> Iterator[Plan]:
    for version in versions:
        yield Plan((Fault(COMMITTED, 2, Action.KILL),), old_version=version)


def _after_commits(calm: Mapping[str, int]) -> Iterator[Plan]:
    """A kill after each commit of the undisturbed run: whatever was stored, the next engine goes on from there.

    It goes on at once, or a while later, so that its looks come at other times than those of the undisturbed run.
    """
    for number in range(1, min(calm.get(COMMITTED, 0), _COMMIT_LIMIT) + 1):
        fault = Fault(COMMITTED, number, Action.KILL)
        yield Plan((fault,))
        yield Plan((fault,), pause_s=_WHILE_S)


def _around_calls(calm: Mapping[str, int]) -> Iterator[Plan]:
    """What an executor must survive at each call of something else, whichever number the call has.

    The service is down, the engine is killed when the service has done it, the answer is lost, or what it is about; for
    each kind of call, the repetition is killed as well. A pool refuses, and a cache evicts or can't be refreshed.
    """
    for moment, count in calm.items():
        numbers = sorted({*range(1, min(count, _CALL_LIMIT) + 1), count})
        if moment.startswith(SERVICE) and not moment.endswith(DONE):
            done = f"{moment}{DONE}"
            for number in numbers:
                yield Plan((Fault(moment, number, Action.OUTAGE),))
                yield from (Plan((Fault(done, number, action),)) for action in _UNKNOWN_TO_THE_ENGINE)
            yield Plan((Fault(done, 1, Action.KILL), Fault(done, 2, Action.KILL)))
        elif moment in _REFUSALS:
            yield from (Plan((Fault(moment, number, _REFUSALS[moment]),)) for number in numbers)


def _singles(bases: Sequence[Base], steps: Iterable[int]) -> Iterator[Plan]:
    """One fault each: all kinds of moments at their first occurrence, then at their second, and so on."""
    for step in steps:
        for base in bases:
            for moment, count in base.counts.items():
                number = _number(moment, count, step)
                if number is None:
                    continue
                for action in actions_at(moment):
                    fault = Fault(moment, number, action)
                    if fault not in base.faults:
                        yield Plan((*base.faults, fault))


def _number(moment: str, count: int, step: int) -> int | None:
    """Which occurrence of a moment a step is about: the first ones, and the last."""
    if moment == TURN:
        spread = [1 + count * part // _TURNS for part in range(step, _TURNS, _NUMBERS)]
        return spread[len(spread) // 2]
    if step == _NUMBERS - 1:
        return count if count >= _NUMBERS else None
    return step + 1 if step < count else None


def actions_at(moment: str) -> tuple[Action, ...]:
    """What can go wrong at a moment of that name."""
    is_after = moment.endswith(DONE)
    if moment in (TURN, COMMITTED):
        return (Action.KILL,)
    if moment == COMMIT:
        return (Action.KILL, Action.STALL)
    if moment.startswith(SERVICE):
        return _AFTER_SERVICE if is_after else _AT_SERVICE
    if moment.startswith(LAUNCHER):
        return (Action.KILL,)
    if moment in (CACHE, SYNC):
        return (Action.EVICT,) if moment == CACHE else (Action.POISON, Action.KILL)
    if moment == ALLOCATE:
        return (Action.WITHHOLD, Action.KILL)
    if moment in _LOOKS:
        return _AFTER_LOOK
    return _AFTER_METHOD if is_after else _AT_METHOD


def _draw(rng: random.Random, counts: Mapping[str, int]) -> Fault:
    moment = rng.choice(list(counts))
    return Fault(moment, rng.randint(1, counts[moment] + 1), rng.choice(actions_at(moment)))
