"""`sidecar` before the conformance kit, in both gears."""

import pytest

from elevon.testing import Gear, check
from elevon.testing.shipped.sidecar import SidecarScenario


@pytest.mark.timeout(120)
@pytest.mark.parametrize(("gear", "runs"), [(Gear.VIRTUAL, 100), (Gear.PROCESSES, 8)], ids=str)
def test_no_promise_is_broken(gear: Gear, runs: int) -> None:
    report = check(SidecarScenario, runs=runs, gear=gear)
    assert [(finding.promise, finding.sentence, finding.story) for finding in report.findings] == []
