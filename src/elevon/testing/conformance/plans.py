"""Which plan a seed stands for: first every single fault at every moment that an undisturbed run has, then mixtures.

The moments are learnt by a few runs that are the same for every check of a scenario, so that a seed means the same plan
whenever it is given.
"""

import itertools
import random
from collections.abc import Iterator, Mapping, Sequence
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

SINGLE_LIMIT: Final = 120
"""So many seeds, from 1, stand for single faults; what lies beyond are mixtures."""
_NUMBERS: Final = 4
_TURNS: Final = 12
_COMMIT_LIMIT: Final = 12
_PAUSES_S: Final = (0.0, 1.0, 100.0)
_MOST_FAULTS: Final = 3
_AT_METHOD: Final = (Action.KILL, Action.ABORT)
_AFTER_METHOD: Final = (Action.KILL, Action.DROP, Action.STALL)
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
        self._singles = [Plan(), *_old(old_versions)]
        kills = list(_after_commits(bases[0].counts))
        singles = itertools.islice(_singles(bases), SINGLE_LIMIT - len(self._singles) - len(kills))
        self._singles += dict.fromkeys((*singles, *kills))

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
    """A kill after each commit of the undisturbed run: whatever was stored, the next engine goes on from there."""
    for number in range(1, min(calm.get(COMMITTED, 0), _COMMIT_LIMIT) + 1):
        yield Plan((Fault(COMMITTED, number, Action.KILL),))


def _singles(bases: Sequence[Base]) -> Iterator[Plan]:
    """One fault each: all kinds of moments at their first occurrence, then at their second, and so on."""
    for step in range(_NUMBERS):
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
    return _AFTER_METHOD if is_after else _AT_METHOD


def _draw(rng: random.Random, counts: Mapping[str, int]) -> Fault:
    moment = rng.choice(list(counts))
    return Fault(moment, rng.randint(1, counts[moment] + 1), rng.choice(actions_at(moment)))
