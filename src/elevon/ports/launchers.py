"""What runs jobs, on this machine or as pods elsewhere."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Protocol

import msgspec

from elevon.records.failures import Failure
from elevon.records.identities import AttemptId


class JobSecret(msgspec.Struct, frozen=True, kw_only=True):
    """A secret that a job is given, and how.

    Attributes:
        group: Its group.
        key: Its key.
        group_version: Its version; empty for none.
        value: The secret itself.
        is_file: Whether the job finds it in a file; otherwise in a variable.
        env_var: A further variable: with the value, or with the path of the file; empty for none.
    """

    group: str
    key: str
    group_version: str = ""
    value: str
    is_file: bool = False
    env_var: str = ""

    def __repr__(self) -> str:
        return f"JobSecret(group={self.group!r}, key={self.key!r})"


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What a launcher runs for one attempt: a container's command, or a Python entrypoint in a warm worker.

    Attributes:
        id: Whose job it is.
        name: The attempt's generated name; start, poll and kill go by it.
        args: Command and arguments, placeholders replaced; empty with an entrypoint.
        entrypoint: `(module, name)` of a Python task, if `args` is elevon's own entrypoint; runs warm.
        code_digest: The artifact with the user's code; empty for none.
        inputs: Serialized `LiteralMap`.
        environment: Variables of the template and the execution.
        secrets: What it is given beside them; its captured output is masked.
        cpu_slots: How many slots it takes.
        memory_bytes: Limit on resident memory; 0 for none.
        data_dir: The attempt's own directory, `inputs.pb`, `outputs.pb`, `error.pb` and the captured output in it.
        raw_output_prefix: Where user files go.
    """

    id: AttemptId
    name: str
    args: tuple[str, ...]
    entrypoint: tuple[str, str] | None = None
    code_digest: str = ""
    inputs: bytes = b""
    environment: dict[str, str] = {}
    secrets: tuple[JobSecret, ...] = ()
    cpu_slots: int = 1
    memory_bytes: int = 0
    data_dir: Path
    raw_output_prefix: str = ""


class JobResult(msgspec.Struct, frozen=True, kw_only=True):
    """How a job ended.

    Attributes:
        outputs: Serialized `LiteralMap`; None if it failed, or gave futures instead.
        futures: Serialized `DynamicJobSpec` that it gave instead of outputs.
        failure: Why it failed; None if it succeeded.
        exit_code: Of the process, where there was one of its own.
    """

    outputs: bytes | None = None
    futures: bytes | None = None
    failure: Failure | None = None
    exit_code: int | None = None


class JobStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Where a job stands.

    Attributes:
        is_known: Whether this launcher has the job; False after a restart, or before it was started.
        is_started: Whether it left the launcher's queue.
        is_restarted: The job was begun anew in this call: what it had run before is lost.
        result: Set once it has ended.
    """

    is_known: bool = True
    is_started: bool = False
    is_restarted: bool = False
    result: JobResult | None = None


class Launcher(Protocol):
    """Runs jobs as processes on this machine (or as pods elsewhere). Idempotent by the job's name.

    A job's processes are owned: they end with the engine, also when it is killed, unless they can be re-adopted.
    A job holds its slots, and its worker, until it is forgotten or killed: the engine forgets it after the commit of
    its end, so that a `kill -9` repeats at most the one finished task of each worker.

    An end that is a fault of the system is told once: with that the slots are free, the job is unknown, and the next
    start begins it anew. One that has had too many of them is told as a failure that is not recoverable.
    """

    @property
    def slot_count(self) -> int:
        """How many slots there are at all."""
        ...

    async def start(self, job: Job, wake: Callable[[], None], grace: timedelta = timedelta(0)) -> JobStatus:
        """Start it, or find it started; `wake` is called from any thread when its status has changed.

        Waits up to `grace` for its end, so that a short job needs no second call.

        Raises:
            UserError: It can never run: more slots than there are, a command that does not exist.
        """
        ...

    async def poll(self, name: str) -> JobStatus:
        """Where it stands; `is_known` False for a job that is to be started, for the first time or anew."""
        ...

    async def kill(self, name: str) -> None:
        """End it and everything it started, free its slots, and return when it is gone; an unknown job is fine.

        What has ended keeps its result, what has not gets a failure; either is known until it is forgotten.
        """
        ...

    def forget(self, name: str) -> None:
        """End it if it still runs, and drop what is kept of it; its slots are free when it is gone.

        From now on it is unknown; an unknown job is fine.
        """
        ...

    async def close(self) -> None:
        """End all jobs and all processes."""
        ...
