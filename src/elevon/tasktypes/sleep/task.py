"""The author's side of `sleep`: what a workflow says to pause."""

from datetime import timedelta
from typing import Unpack

from elevon.sdk import settings, tasks
from elevon.tasktypes.sleep.sleep_pb2 import SleepJob


class Sleep(tasks.Task[[], None]):
    """Pauses a workflow, at the cost of no process.

    `nap = Sleep("nap", timedelta(minutes=5))`, and in a workflow `nap()`.
    """

    task_type = "sleep"

    def __init__(self, name: str, duration: timedelta, **options: Unpack[settings.TaskOptions]) -> None:
        """Declare a pause.

        Args:
            name: Its name in the module that declares it.
            duration: How long.
            **options: Settings of any task.

        Raises:
            UserError: The duration is negative, or longer than a century.
        """
        super().__init__(name, **options)
        if not timedelta(0) <= duration <= timedelta(days=36_525):
            raise self.site.error(f"duration={duration} can't be slept: use a span from zero to a century")
        self.duration = duration

    def message(self) -> SleepJob:
        """What the executor must know."""
        job = SleepJob()
        job.duration.FromTimedelta(self.duration)
        return job
