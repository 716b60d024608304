"""The public kit for authors of task types and for users: what the engine gives, in memory and under control.

This room owns honest fakes: they keep the contract, refuse what the engine would refuse, and record what happened.
Nothing below imports it.
"""

from elevon.testing.clusters import FakeCluster
from elevon.testing.conformance.checks import Gear, check
from elevon.testing.conformance.findings import Finding, Report, Unchecked
from elevon.testing.conformance.promises import Promise
from elevon.testing.control_planes import FakeControlPlane
from elevon.testing.scenarios import Scenario
from elevon.testing.services import FakeService, ServiceJob, Thing

__all__ = [
    "FakeCluster",
    "FakeControlPlane",
    "FakeService",
    "Finding",
    "Gear",
    "Promise",
    "Report",
    "Scenario",
    "ServiceJob",
    "Thing",
    "Unchecked",
    "check",
]
