"""One call of an executor as plain values, which can cross to another thread or process.

It owns what the engine tells an executor's side of the attempt, and the protocol of what that side may ask back
during the call. It must never know where the call is run.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Protocol

import msgspec

from elevon import ports
from elevon.idl.messages import Identifier, LiteralMap, Resources, SecurityContext, TaskTemplate
from elevon.plugin.contexts import Launch
from elevon.primitives import ids
from elevon.primitives.log_contexts import LogContext
from elevon.records.answers import CallKind
from elevon.records.attempts import AttemptRecord, OnceRecord
from elevon.records.identities import AttemptId

NO_ONCES: Final[Mapping[str, OnceRecord]] = {}


class AttemptPaths(msgspec.Struct, frozen=True):
    """The files of one attempt, named as Flyte names them.

    Attributes:
        data_dir: Its own directory; made by whoever writes first.
        previous_dir: That of the attempt before; None for the first.
    """

    data_dir: Path
    previous_dir: Path | None = None

    @property
    def inputs_file(self) -> Path:
        """Serialized `LiteralMap`, written only for whoever needs a file."""
        return self.data_dir / "inputs.pb"

    @property
    def code_file(self) -> Path:
        """The user's code, written only for a process that is not the launcher's."""
        return self.data_dir / "code.bundle"

    @property
    def outputs_file(self) -> Path:
        """Serialized `LiteralMap`, left by the task's process."""
        return self.data_dir / "outputs.pb"

    @property
    def futures_file(self) -> Path:
        """Serialized `DynamicJobSpec`, left by the task's process instead of outputs."""
        return self.data_dir / "futures.pb"

    @property
    def error_file(self) -> Path:
        """Serialized `ErrorDocument`, left by the task's process."""
        return self.data_dir / "error.pb"

    @property
    def raw_output_prefix(self) -> str:
        """Below it go the user's own files."""
        return f"{self.data_dir}/raw"

    @property
    def checkpoint_prefix(self) -> str:
        """Below it go the checkpoints of this attempt."""
        return f"{self.raw_output_prefix}/_flytecheckpoints"

    @property
    def previous_checkpoint_prefix(self) -> str | None:
        """Below it are those of the attempt before; None for the first."""
        return None if self.previous_dir is None else AttemptPaths(self.previous_dir).checkpoint_prefix


def generated_name(attempt: AttemptId, max_length: int) -> str:
    """The name of an attempt for the world outside: the same whenever it is asked for.

    Args:
        attempt: Whose name.
        max_length: `ExecutorProperties.generated_name_max_length`.
    """
    readable = f"{attempt.execution.name}-{attempt.node_id}-{attempt.attempt}"
    return ids.generated_name(readable, max_length, str(attempt))


class TaskFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What stays of a template after the start; the same for all attempts of a node.

    Attributes:
        id: Of the task.
        outputs: Names of the declared outputs.
        resources: Of its container, overrides applied.
        config: `TaskTemplate.config`.
        security_context: Whom it runs as, and the secrets that it asks for.
    """

    id: Identifier = Identifier()
    outputs: tuple[str, ...] = ()
    resources: Resources = Resources()
    config: Mapping[str, str] = {}
    security_context: SecurityContext = SecurityContext()

    @classmethod
    def of(cls, template: TaskTemplate) -> "TaskFacts":
        """The facts of a template whose overrides were applied."""
        return cls(
            id=template.id,
            outputs=tuple(template.interface.outputs.variables),
            resources=template.container.resources,
            config=dict(template.config),
            security_context=template.security_context,
        )


class Invocation(msgspec.Struct, frozen=True, kw_only=True):
    """One call.

    Attributes:
        call: What is called.
        id: Whose call it is.
        name: The attempt's generated name.
        paths: Where its files are.
        task: What stays of the template.
        record: The attempt as it was committed.
        onces: What `once` has committed, by key.
        now: The engine's time of the call.
        start_may_have_happened: For a start: an earlier one returned no status.
        template: For a start alone.
        inputs: For a start alone.
        reason: For a kill alone.
    """

    call: CallKind
    id: AttemptId
    name: str
    paths: AttemptPaths
    task: TaskFacts
    record: AttemptRecord
    onces: Mapping[str, OnceRecord] = NO_ONCES
    now: datetime
    start_may_have_happened: bool = False
    template: TaskTemplate | None = None
    inputs: LiteralMap | None = None
    reason: str = ""

    @property
    def log_context(self) -> LogContext:
        """Whom the call is for, as its log tells."""
        id_ = self.id
        return LogContext(id_.execution.name, id_.node_id, id_.attempt, self.record.executor_id)


class AttemptServices(Protocol):
    """What a call may ask of the engine for its attempt."""

    @property
    def wake(self) -> Callable[[], None]:
        """The attempt's own, the same at each call; any thread may call it, and it may be kept."""
        ...

    async def commit_once(self, record: OnceRecord) -> None:
        """Make an intent or its result durable; it becomes so even if the call that waits for it is cancelled."""
        ...

    async def write_inputs(self) -> None:
        """Write `inputs.pb`."""
        ...

    async def write_code(self) -> bool:
        """Write the code that the execution was started with; False if it has none."""
        ...

    async def start_job(self, launch: Launch, grace: timedelta) -> ports.JobStatus:
        """See `TaskLauncher.start`."""
        ...

    async def poll_job(self, launch: Launch) -> ports.JobStatus:
        """See `TaskLauncher.poll`."""
        ...

    async def kill_job(self) -> None:
        """See `TaskLauncher.kill`."""
        ...
