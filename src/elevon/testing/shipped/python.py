"""`elevon plugin check elevon.testing.shipped.python:PythonScenario`."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar

from elevon.sdk.tasks import task
from elevon.tasktypes.python.executor import PythonExecutor
from elevon.testing.scenarios import Scenario


@task
def greet(name: str) -> str:
    """What the scenario runs; in a check, the launcher says what comes of it."""
    return f"hello {name}"


class PythonScenario(Scenario):
    """A Python function that takes a minute."""

    task = greet
    inputs: ClassVar[Mapping[str, Any]] = {"name": "you"}
    outputs: ClassVar[Mapping[str, Any] | None] = {"o0": "hello you"}
    job_takes = timedelta(minutes=1)
    job_outputs: ClassVar[Mapping[str, Any]] = {"o0": "hello you"}

    def executor(self, service: None) -> PythonExecutor:
        return PythonExecutor()
