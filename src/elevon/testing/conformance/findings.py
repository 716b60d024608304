"""What a check has found, as plain values."""

import msgspec

from elevon.testing.conformance.promises import Promise


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A promise that is broken.

    Attributes:
        promise: Which.
        sentence: What the executor did, and what it should do instead.
        seed: That shows it.
        faults: All that has to go wrong for it.
        story: What happened, a line each.
    """

    promise: Promise
    sentence: str
    seed: int
    faults: tuple[str, ...]
    story: tuple[str, ...]


class Unchecked(msgspec.Struct, frozen=True):
    """Something that the contract lists and that no run reached.

    Attributes:
        what: The case.
        why: What kept it from being reached.
    """

    what: str
    why: str


class Outcome(msgspec.Struct, frozen=True):
    """What the runs of one check came to.

    Attributes:
        findings: Broken promises, in the order of the contract.
        unchecked: What no run reached.
        run_count: How many runs there were.
    """

    findings: tuple[Finding, ...]
    unchecked: tuple[Unchecked, ...]
    run_count: int


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a check has found.

    Attributes:
        scenario: `module:Class`.
        executor: The executor's id.
        gear: `virtual` or `processes`.
        seed: The first one.
        run_count: How many runs there were.
        took_s: Seconds of real time.
        findings: Broken promises, in the order of the contract.
        unchecked: What no run reached.
    """

    scenario: str
    executor: str
    gear: str
    seed: int
    run_count: int
    took_s: float
    findings: tuple[Finding, ...]
    unchecked: tuple[Unchecked, ...]
