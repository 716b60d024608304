"""`elevon plugin check elevon.testing.shipped.waitable:WaitableScenario`."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar

from elevon import errors
from elevon.sdk.types import Waitable
from elevon.tasktypes.waitable.executor import WaitableExecutor
from elevon.tasktypes.waitable.task import waitable_task
from elevon.testing.control_planes import FakeControlPlane
from elevon.testing.scenarios import Scenario


@waitable_task
def report(first: Waitable, others: list[Waitable]) -> str:
    """What the scenario runs; in a check, the launcher says what comes of it."""
    return ", ".join(str(run.phase) for run in (first, *others))


def _reference(name: str) -> Mapping[str, Any]:
    return {"wfExecId": {"project": "default", "domain": "development", "name": name}}


class WaitableScenario(Scenario):
    """Three executions that take up to five minutes, then a function that takes one."""

    task = report
    inputs: ClassVar[Mapping[str, Any]] = {
        "first": _reference("a"),
        "others": [_reference("b"), _reference("c")],
    }
    outputs: ClassVar[Mapping[str, Any] | None] = {"o0": "as they ended"}
    job_takes = timedelta(minutes=1)
    job_outputs: ClassVar[Mapping[str, Any]] = {"o0": "as they ended"}
    # In real processes time passes faster than the machine's, and a busy machine is no control plane that hangs.
    config: ClassVar[Mapping[str, Any]] = {"resync_s": 10.0, "call_s": 1200.0}

    def executor(self, service: FakeControlPlane) -> WaitableExecutor:
        return WaitableExecutor(service)

    def service(self) -> FakeControlPlane:
        return FakeControlPlane(
            {"a": timedelta(minutes=2), "b": timedelta(seconds=5), "c": timedelta(minutes=5)}
        )

    def service_error(self) -> Exception:
        return errors.UnavailableError("the control plane does not answer")
