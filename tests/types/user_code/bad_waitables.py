"""What the author of a task that waits for executions gets wrong: every marked line must fail, and no other."""

from elevon import Waitable
from elevon.tasktypes.waitable.task import waitable_task


@waitable_task
def report(runs: list[Waitable]) -> str:
    return runs[0].phase  # error: reportReturnType


@waitable_task(resync=3)  # error: reportCallIssue, reportUntypedFunctionDecorator
def misspelled(run: Waitable) -> str:
    return run.name


report(runs=["nightly"])  # error: reportArgumentType
report(runs=Waitable("nightly"))  # error: reportArgumentType
Waitable(42)  # error: reportArgumentType
