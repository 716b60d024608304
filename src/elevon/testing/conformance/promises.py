"""The promises that an executor can break, numbered as the contract numbers them, and how a breach is told."""

import enum

import msgspec


class Promise(enum.Enum):
    """What an executor owes in return for what it may rely on.

    The value is its number in the contract, and its name there. What the contract has under no number of its own is
    under 0.
    """

    RESULT = (0, "result")
    SINGLETON = (1, "singleton")
    START = (3, "start_task")
    ONCE = (4, "once")
    CHECK = (5, "check_task_status")
    STATE = (6, "state")
    PHASES = (7, "phases")
    ERRORS = (8, "errors")
    KILL = (9, "kill_task")
    FINALIZE = (10, "finalize_task")
    RESTART = (11, "restart at any time")
    BLOCKING = (12, "slow executors hurt themselves only")
    WAKING = (13, "waking")
    OUTPUTS = (0, "outputs")
    CACHES = (0, "caches")
    POOLS = (0, "resource pools")

    @property
    def number(self) -> int:
        """Its number in the contract; 0 for none."""
        return self.value[0]

    @property
    def title(self) -> str:
        """How a report names it."""
        number, name = self.value
        return f"promise {number} ({name})" if number else name


class Complaint(msgspec.Struct, frozen=True):
    """One breach, as it was seen.

    Attributes:
        promise: What was broken.
        sentence: What the executor did, and what it should do instead.
        place: Index of the entry of the story behind which it was seen: the first breach of a story is the cause.
    """

    promise: Promise
    sentence: str
    place: int
