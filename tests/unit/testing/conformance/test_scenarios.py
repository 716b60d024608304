"""A scenario that can't be run is a user error that names it, and not a broken promise or a bug."""

from datetime import timedelta
from typing import Any

import pytest

from elevon import errors, testing
from elevon.plugin import Executor
from elevon.tasktypes.echo.executor import EchoExecutor
from elevon.tasktypes.sleep.task import Sleep
from elevon.testing import Scenario


class Sleeping(Scenario):
    task = Sleep("nap", timedelta(seconds=1))


class Unmade(Sleeping):
    pass


class Raising(Sleeping):
    def executor(self, service: Any) -> Executor[Any, Any]:
        raise OSError("no licence")


class Wrong(Sleeping):
    def executor(self, service: Any) -> Executor[Any, Any]:
        return "sleep"  # type: ignore[return-value]


class Other(Sleeping):
    def executor(self, service: Any) -> Executor[Any, Any]:
        return EchoExecutor()


@pytest.mark.parametrize(
    ("scenario", "sentence"),
    [
        (Unmade, r"Unmade makes no executor: .* define executor\(self, service\)"),
        (Raising, r"Raising makes no executor: it raised OSError: no licence"),
        (Wrong, r"executor\(\) of the scenario .*Wrong returned str: return an Executor"),
        (Other, r"Other has the type 'sleep', and its executor 'echo' serves echo"),
    ],
)
def test_a_scenario_that_makes_no_fit_executor_is_named(scenario: type[Scenario], sentence: str) -> None:
    with pytest.raises(errors.UserError, match=sentence):
        testing.check(scenario, runs=1)
