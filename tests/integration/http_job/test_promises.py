"""`http-job` before the conformance kit, with and without a quota."""

import pytest

from elevon.testing import Scenario, check
from http_job.scenario import HttpJobScenario


class PooledScenario(HttpJobScenario):
    """With a token for each job."""

    config = {"pool": "jobs"}  # noqa: RUF012 - the kit only reads it
    pools = ("jobs",)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("scenario", [HttpJobScenario, PooledScenario])
def test_no_promise_is_broken(scenario: type[Scenario]) -> None:
    report = check(scenario, runs=100)
    assert [(finding.promise, finding.sentence, finding.story) for finding in report.findings] == []
