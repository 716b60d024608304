"""When the engine of a round is killed: at moments drawn from a seed, or at failpoints."""

import random
from typing import NamedTuple

LATEST = 1.1
"""Of the time that an undisturbed run takes; a kill that comes too late finds everything done, which is a case too."""
FAILPOINTS = (
    "household.before_spawn",
    "household.after_spawn",
    "engine.after_acquire",
    "engine.before_release",
    "store.before_commit",
    "store.after_commit",
    "driver.before_commit",
    "driver.after_commit",
    "driver.before_start",
    "driver.after_start",
    "driver.before_check",
    "driver.after_check",
    "driver.before_finalize",
    "driver.after_finalize",
    "expansions.before_store",
    "expansions.after_store",
    "once.after_intent",
    "once.after_submit",
    "once.after_result",
    "service.after_create",
    "launcher.before_start",
    "launcher.after_start",
    "launcher.after_end",
)
HITS = (1, 2, 3, 5, 8, 12)
DOOMED_FAILPOINTS = (
    "driver.before_kill",
    "driver.after_kill",
    "driver.before_commit",
    "driver.after_finalize",
)


class Strike(NamedTuple):
    """One kill: after a time, or at a failpoint.

    Attributes:
        share: Of the time that an undisturbed run takes; 0 where there is a failpoint.
        failpoint: `name:count`; empty for a kill by time.
    """

    share: float = 0.0
    failpoint: str = ""

    def __str__(self) -> str:
        return self.failpoint or f"{self.share:.3f} of the time"


class Plan(NamedTuple):
    """One round: the kills of the processes that follow each other.

    Attributes:
        name: How to ask for this round again.
        strikes: The first one hits `elevon run`, the others what is started to go on.
        workflow: `storm`, which succeeds, or `doomed`, which fails and has much to end then.
    """

    name: str
    strikes: tuple[Strike, ...]
    workflow: str = "storm"


def of_seed(seed: int) -> Plan:
    """The round of a seed."""
    chance = random.Random(seed)
    count = chance.choices((1, 2, 3), (60, 30, 10))[0]
    strikes = tuple(Strike(chance.uniform(0.0, LATEST)) for _ in range(count))
    return Plan(f"seed {seed}", strikes, chance.choices(("storm", "doomed"), (75, 25))[0])


def of_failpoints() -> list[Plan]:
    """Every failpoint, at several of its hits; every other time what goes on dies at its first hit too."""
    plans: list[Plan] = []
    for name in FAILPOINTS:
        for place, hit in enumerate(HITS):
            strikes = [Strike(failpoint=f"{name}:{hit}"), Strike(failpoint=f"{name}:1")]
            plans.append(Plan(f"failpoint {name}:{hit}", tuple(strikes[: 1 + place % 2])))
    for name in DOOMED_FAILPOINTS:
        for hit in HITS:
            strike = Strike(failpoint=f"{name}:{hit}")
            plans.append(Plan(f"doomed failpoint {name}:{hit}", (strike,), "doomed"))
    return plans
