"""What can be configured of the processes that run tasks."""

import os
from collections.abc import Mapping

import msgspec


class WorkerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Limits and habits of the launcher.

    Attributes:
        max_task_count: A worker is replaced after so many tasks.
        max_fault_count: A job is begun anew after a fault of the system (its worker was killed from outside, its
            directory can't be written) until it has had so many.
        max_resident_bytes: A worker is replaced after a task that left it larger than that; on systems without /proc
            the largest size it ever had counts.
        output_limit_bytes: How much is kept of each attempt's stdout, and as much of its stderr. It may be exceeded
            by what a process writes within one `watch_interval_s`, until the next look cuts it back.
        watch_interval_s: How often the memory and the output of running jobs are looked at.
        passed_variables: Names of the engine's environment variables that every task sees. All others must be set by
            the task or the execution.
    """

    max_task_count: int = 10_000
    max_fault_count: int = 8
    max_resident_bytes: int = 2 << 30
    output_limit_bytes: int = 64 << 20
    watch_interval_s: float = 0.25
    passed_variables: tuple[str, ...] = (
        "HOME",
        "JAVA_HOME",
        "LANG",
        "LC_ALL",
        "LC_CTYPE",
        "LOGNAME",
        "PATH",
        "PYTHONPATH",
        "SHELL",
        "SPARK_HOME",
        "TMPDIR",
        "TZ",
        "USER",
        "VIRTUAL_ENV",
    )

    def environment(self, extra: Mapping[str, str]) -> dict[str, str]:
        """The whole environment of a task: what is passed on, and what is set for it."""
        passed = {name: os.environ[name] for name in self.passed_variables if name in os.environ}
        return {**passed, **extra}
