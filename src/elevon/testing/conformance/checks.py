"""A check of one scenario, in one of the two gears."""

import contextlib
import enum
import logging
import os
import tempfile
from collections.abc import Generator
from pathlib import Path
from time import perf_counter
from typing import Final

from elevon.testing.conformance.findings import Report
from elevon.testing.conformance.process_checks import ProcessCheck
from elevon.testing.conformance.virtual_checks import VirtualCheck
from elevon.testing.scenarios import Scenario, executor_of


class Gear(enum.StrEnum):
    """How runs are carried out: simulated in this process, or with real processes that are really killed."""

    VIRTUAL = "virtual"
    PROCESSES = "processes"


RUNS: Final = {Gear.VIRTUAL: 1000, Gear.PROCESSES: 50}
"""How many runs a check has where nobody says."""


def check(
    scenario: type[Scenario], *, seed: int = 1, runs: int | None = None, gear: Gear = Gear.VIRTUAL
) -> Report:
    """Find out which promises of the contract a scenario's executor breaks.

    Args:
        scenario: What is checked; for real processes it can be imported by its name.
        seed: The first one; each run has the next.
        runs: How many; None for as many as is usual in the gear.
        gear: How runs are carried out.

    Raises:
        UserError: The scenario can't be run at all.
        UnavailableError: Its processes end by themselves.
    """
    executor_id = executor_of(scenario).id
    run_count = RUNS[gear] if runs is None else runs
    began = perf_counter()
    with tempfile.TemporaryDirectory(prefix="elevon-check-") as directory, _alone():
        kind = VirtualCheck if gear is Gear.VIRTUAL else ProcessCheck
        outcome = kind(scenario, Path(directory)).carry_out(seed, run_count)
    return Report(
        scenario=f"{scenario.__module__}:{scenario.__qualname__}",
        executor=executor_id,
        gear=gear,
        seed=seed,
        run_count=outcome.run_count,
        took_s=perf_counter() - began,
        findings=outcome.findings,
        unchecked=outcome.unchecked,
    )


@contextlib.contextmanager
def _alone() -> Generator[None]:
    """Without the engine's log, which wanted failures would fill, and without a trace in the environment."""
    log = logging.getLogger("elevon")
    level, environment = log.level, dict(os.environ)
    log.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        log.setLevel(level)
        os.environ.clear()
        os.environ.update(environment)
