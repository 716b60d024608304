"""`hive` before the conformance kit, in both gears."""

import pytest

from elevon.testing import Gear, Scenario, check
from elevon.testing.shipped.hive import (
    CollectionScenario,
    HalfFailingScenario,
    HiveScenario,
    PooledScenario,
    RetriedScenario,
)


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    "scenario", [HiveScenario, CollectionScenario, HalfFailingScenario, PooledScenario, RetriedScenario]
)
def test_no_promise_is_broken(scenario: type[Scenario]) -> None:
    report = check(scenario, runs=100)
    assert [(finding.promise, finding.sentence, finding.story) for finding in report.findings] == []


@pytest.mark.timeout(120)
def test_no_promise_is_broken_in_real_processes() -> None:
    report = check(CollectionScenario, runs=8, gear=Gear.PROCESSES)
    assert [(finding.promise, finding.sentence, finding.story) for finding in report.findings] == []
