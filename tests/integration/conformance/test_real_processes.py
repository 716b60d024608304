"""The gear that kills real processes: what is lost with them is found, and nothing else is complained about."""

import asyncio
import contextlib

import pytest

from elevon.testing import Gear, Promise, Scenario, check
from elevon.testing.shipped.sleep import SleepScenario
from elevon.testing.shipped.waitable import WaitableScenario
from tests.corpus import right
from tests.corpus.wrong_effects import CheckStartsTwice
from tests.corpus.wrong_memories import CheckRemembersInACache, CheckRemembersInTheEnvironment


class ImpatientJob(right.Job):
    """Before each look it gives up a call that the service has taken and not answered."""

    async def check_task_status(self, ctx: right.Context) -> right.Status:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0):
                await self.service.list()
        return await super().check_task_status(ctx)


class ImpatientScenario(right.JobScenario):
    made = ImpatientJob


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    "scenario",
    [ImpatientScenario, right.JobScenario, right.QuotaScenario, SleepScenario, WaitableScenario],
    ids=lambda each: each.__name__,
)
def test_right_executor_passes(scenario: type[Scenario]) -> None:
    report = check(scenario, runs=12, gear=Gear.PROCESSES)
    assert [(finding.promise, finding.sentence, finding.story) for finding in report.findings] == []


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("scenario", "seed", "promise", "sentence"),
    [
        (CheckRemembersInTheEnvironment, 2, Promise.SINGLETON, "outside of the executor's modules"),
        (CheckRemembersInACache, 2, Promise.SINGLETON, "a cached function"),
        (CheckStartsTwice, 16, Promise.START, "number 2 for the same attempt"),
    ],
    ids=["environment", "cache", "start"],
)
def test_wrong_executor_is_caught(
    scenario: type[Scenario], seed: int, promise: Promise, sentence: str
) -> None:
    (finding,) = check(scenario, seed=seed, runs=1, gear=Gear.PROCESSES).findings
    assert finding.promise is promise
    assert sentence in finding.sentence
