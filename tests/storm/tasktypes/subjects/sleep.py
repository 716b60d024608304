"""`sleep`: nothing runs anywhere, and it ends on time all the same."""

from datetime import timedelta
from pathlib import Path

from elevon import task, workflow
from elevon.tasktypes.sleep.task import Sleep
from tests.storm.tasktypes.rounds import Subject

nap = Sleep("nap", timedelta(seconds=0.5))


@task
def wake_up() -> str:
    return "awake"


@workflow
def rest() -> str:
    return wake_up.with_overrides(after=[nap()])()


SUBJECT = Subject(
    program=Path(__file__), words=lambda _directory: ("rest",), outputs={"o0": "awake"}, run_s=1.5
)
