"""The kit catches every wrong executor of the corpus by the one promise that it breaks, and passes right ones."""

import pytest

from elevon.testing import Promise, Scenario, check
from elevon.testing.shipped.container import ContainerScenario
from elevon.testing.shipped.echo import EchoScenario
from elevon.testing.shipped.python import PythonScenario
from elevon.testing.shipped.sleep import SleepScenario
from elevon.testing.shipped.spark import SparkScenario
from elevon.testing.shipped.waitable import WaitableScenario
from tests.corpus import (
    right,
    wrong_answers,
    wrong_caches,
    wrong_effects,
    wrong_ends,
    wrong_memories,
    wrong_phases,
    wrong_quotas,
    wrong_states,
    wrong_waits,
)

RUNS = 200
SHIPPED = (SleepScenario, EchoScenario, PythonScenario, ContainerScenario, WaitableScenario, SparkScenario)
WRONG: dict[type[Scenario], Promise] = {
    **wrong_answers.WRONG,
    **wrong_caches.WRONG,
    **wrong_effects.WRONG,
    **wrong_ends.WRONG,
    **wrong_memories.WRONG,
    **wrong_phases.WRONG,
    **wrong_quotas.WRONG,
    **wrong_states.WRONG,
    **wrong_waits.WRONG,
}


@pytest.mark.timeout(120)
@pytest.mark.parametrize("scenario", WRONG, ids=lambda scenario: scenario.__name__)
def test_wrong_executor_is_caught_by_the_promise_that_it_breaks(scenario: type[Scenario]) -> None:
    report = check(scenario, runs=RUNS)
    assert {finding.promise: finding.sentence for finding in report.findings}.keys() == {WRONG[scenario]}


@pytest.mark.timeout(120)
@pytest.mark.parametrize("scenario", right.RIGHT + SHIPPED, ids=lambda scenario: scenario.__name__)
def test_right_executor_passes(scenario: type[Scenario]) -> None:
    report = check(scenario, runs=RUNS)
    assert [(finding.promise, finding.sentence, finding.story) for finding in report.findings] == []
