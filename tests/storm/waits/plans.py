"""What happens in a round of the storm of waits, by its seed."""

import random
from typing import Final, NamedTuple

from elevon.records.identities import ExecutionId
from elevon.records.phases import ExecutionPhase
from tests.storm.engines import Strike

KINDS: Final = {
    "quick": ExecutionPhase.SUCCEEDED,
    "middling": ExecutionPhase.SUCCEEDED,
    "slow": ExecutionPhase.SUCCEEDED,
    "failing": ExecutionPhase.FAILED,
}
"""Workflows of executions that end by themselves, and how they do."""
FAILPOINTS: Final = (
    "driver.before_start",
    "driver.after_start",
    "driver.before_check",
    "driver.after_check",
    "driver.before_kill",
    "driver.after_kill",
    "driver.after_commit",
    "store.before_commit",
    "store.after_commit",
)
LATEST_S: Final = 3.0


def execution(name: str) -> ExecutionId:
    """The execution of that name."""
    return ExecutionId("default", "development", name)


class Waiter(NamedTuple):
    """An execution that waits.

    Attributes:
        name: Its name.
        awaits: Names of those that it waits for.
        abort_after_s: When its end is asked for, in each engine anew; None for one that ends by itself.
    """

    name: str
    awaits: tuple[str, ...]
    abort_after_s: float | None = None


class Plan(NamedTuple):
    """A round.

    Attributes:
        seed: How to ask for it again.
        awaited: The workflow of each execution that is awaited, by its name.
        waiters: Those that wait.
        strikes: The kills of the engines that drive the one and the other, by role.
    """

    seed: int
    awaited: dict[str, str]
    waiters: tuple[Waiter, ...]
    strikes: dict[str, tuple[Strike, ...]]

    def executions(self, role: str) -> list[ExecutionId]:
        """Those that the engines of a role drive."""
        names = list(self.awaited) if role == "awaited" else [waiter.name for waiter in self.waiters]
        return [execution(name) for name in names]


def of_seed(seed: int) -> Plan:
    """The round of a seed."""
    chance = random.Random(f"waits {seed}")
    awaited = {f"a{number}": chance.choice(list(KINDS)) for number in range(chance.randint(3, 6))}
    shared = sorted(awaited)
    waiters = [
        Waiter(f"w{number}", tuple(chance.sample(shared, chance.randint(1, len(shared)))))
        for number in range(chance.randint(1, 3))
    ]
    for number in range(chance.randint(0, 2)):
        own = tuple(f"e{number}-{index}" for index in range(chance.randint(1, 3)))
        awaited |= dict.fromkeys(own, "endless")
        waiters.append(Waiter(f"x{number}", own, chance.uniform(0.0, LATEST_S)))
    strikes = {
        "waiting": tuple(_strike(chance) for _ in range(chance.randint(1, 4))),
        "awaited": tuple(_strike(chance) for _ in range(chance.choice((0, 0, 1, 2)))),
    }
    return Plan(seed, awaited, tuple(waiters), strikes)


def _strike(chance: random.Random) -> Strike:
    is_by_time = chance.random() < 0.5
    failpoint = "" if is_by_time else f"{chance.choice(FAILPOINTS)}:{chance.randint(1, 6)}"
    return Strike(chance.uniform(0.3, LATEST_S), failpoint)
