"""The engine's side of `plugin.TaskContext`: one object a call, over the records as they were committed.

Everything here but `wake` runs on the engine's loop; for an executor with a loop of its own its host bridges the
context (`plugin.bridges`).
"""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol, cast

import msgspec

from elevon import errors, ports
from elevon.plugin.contexts import AS_DESCRIBED, Intent, Launch, R, TaskExecutionId
from elevon.plugin.states import StateCodec
from elevon.primitives import failpoints, ids
from elevon.propeller.layouts import AttemptPaths
from elevon.records.attempts import AttemptRecord, OnceRecord
from elevon.records.identities import AttemptId
from elevon.records.phases import AttemptPhase


class Intents(Protocol):
    """The durable intents of one attempt, as the driver keeps them."""

    def get(self, key: str) -> OnceRecord | None:
        """The record of a key, if there is one."""
        ...

    def all(self) -> Mapping[str, OnceRecord]:
        """All records by key."""
        ...

    def turn(self, key: str) -> AbstractAsyncContextManager[object]:
        """Held by whoever deals with a key: an executor may ask for it twice at the same time."""
        ...

    async def commit(self, record: OnceRecord) -> None:
        """Make a record durable; it becomes so even if the call that waits for it is cancelled."""
        ...

    async def settle(self, key: str) -> None:
        """Wait for a commit of the key that a cancelled call has left under way."""
        ...


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What the contexts of one attempt share.

    Attributes:
        id: Whose they are.
        name: The generated name.
        codec: Of the executor's state.
        paths: Where the attempt's files are.
        inputs: The node's inputs, a serialized `LiteralMap`: what an executor does to the one that it was given changes
            nothing here.
        intents: Of `once`.
        launcher: The port.
        job: Makes the template's job, with what the executor changes; raises `UserError` if it has none.
        wake: Posts news; from any thread.
    """

    id: AttemptId
    name: str
    codec: StateCodec[Any]
    paths: AttemptPaths
    inputs: Callable[[], bytes]
    intents: Intents
    launcher: ports.Launcher
    job: Callable[[Launch], ports.Job]
    wake: Callable[[], None]


class AttemptLauncher:
    """`plugin.TaskLauncher` for one attempt."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around

    async def start(self, launch: Launch = AS_DESCRIBED, grace: timedelta = timedelta(0)) -> ports.JobStatus:
        """Start the job, or find it started."""
        around = self._around
        job = around.job(launch)
        if job.entrypoint is None:
            _write(around.paths.inputs_file, job.inputs)
        return await around.launcher.start(job, around.wake, grace)

    async def poll(self, launch: Launch = AS_DESCRIBED) -> ports.JobStatus:
        """Where the job stands; one that went down with an engine is started again."""
        status = await self._around.launcher.poll(self._around.name)
        if status.is_known:
            return status
        return msgspec.structs.replace(await self.start(launch), is_restarted=True)

    async def kill(self) -> None:
        """End the job and everything it started."""
        await self._around.launcher.kill(self._around.name)


class EngineTaskContext:
    """`plugin.TaskContext` for one call.

    Args:
        around: What the attempt's contexts share.
        record: The attempt as it was committed.
        now: The engine's time of the call.
        start_may_have_happened: For a start.
    """

    def __init__(
        self, around: Surroundings, record: AttemptRecord, now: datetime, *, start_may_have_happened: bool
    ) -> None:
        self._around = around
        self._record = record
        self.now = now
        self.start_may_have_happened = start_may_have_happened

    @property
    def task_execution_id(self) -> TaskExecutionId:
        """Who it is."""
        return TaskExecutionId(attempt=self._around.id, generated_name=self._around.name)

    @property
    def owner_id(self) -> str:
        """Name of the execution."""
        return self._around.id.execution.name

    @property
    def namespace(self) -> str:
        """`<project>-<domain>`."""
        return f"{self._around.id.execution.project}-{self._around.id.execution.domain}"

    @property
    def labels(self) -> Mapping[str, str]:
        """Execution and node, in spellings that Kubernetes takes."""
        return {"execution-id": self.owner_id, "node-id": self._around.id.node_id.replace("/", ".")}

    @property
    def annotations(self) -> Mapping[str, str]:
        """None of the engine's own."""
        return {}

    @property
    def attempt(self) -> int:
        """Index of the attempt."""
        return self._record.attempt

    @property
    def data_dir(self) -> Path:
        """The attempt's own directory."""
        return self._around.paths.data_dir

    @property
    def inputs_file(self) -> Path:
        """Where `inputs.pb` goes."""
        return self._around.paths.inputs_file

    @property
    def outputs_file(self) -> Path:
        """Where `outputs.pb` is expected."""
        return self._around.paths.outputs_file

    @property
    def error_file(self) -> Path:
        """Where `error.pb` is expected."""
        return self._around.paths.error_file

    @property
    def raw_output_prefix(self) -> str:
        """Below it go the user's files."""
        return self._around.paths.raw_output_prefix

    @property
    def phase(self) -> AttemptPhase:
        """The committed phase."""
        return self._record.phase

    @property
    def phase_version(self) -> int:
        """The committed phase version."""
        return self._record.phase_version

    @property
    def custom_state(self) -> Any:
        """The committed state, decoded anew at each look."""
        if self._record.custom_state is None:
            return None
        return self._around.codec.decode(self._record.custom_state, self._record.state_version)

    @property
    def state(self) -> Any:
        """`custom_state`, where there must be one."""
        if self._record.custom_state is None:
            raise errors.BugError(f"attempt {self._around.id} has no custom state yet")
        return self.custom_state

    @property
    def intents(self) -> Mapping[str, Intent]:
        """What `once` has begun or done."""
        return {key: _as_intent(record) for key, record in self._around.intents.all().items()}

    @property
    def wake(self) -> Callable[[], None]:
        """Says that there is news."""
        return self._around.wake

    @property
    def launcher(self) -> AttemptLauncher:
        """Runs the template's user code."""
        return AttemptLauncher(self._around)

    async def once(
        self,
        key: str,
        submit: Callable[[str], Awaitable[R]],
        find: Callable[[str], Awaitable[R | None]] | None = None,
    ) -> R:
        """See `plugin.TaskContext.once`."""
        _refuse_key(key)
        async with self._around.intents.turn(key):
            await self._around.intents.settle(key)
            return await self._once(key, submit, find)

    async def _once(
        self,
        key: str,
        submit: Callable[[str], Awaitable[R]],
        find: Callable[[str], Awaitable[R | None]] | None,
    ) -> R:
        around = self._around
        known = around.intents.get(key)
        if known is not None and known.result is not None:
            return msgspec.json.decode(known.result)
        token = ids.generated_name(f"{around.name}-{key}", 63)
        intent = OnceRecord(node_id=around.id.node_id, attempt=around.id.attempt, key=key, token=token)
        if known is None:
            await around.intents.commit(intent)
            failpoints.hit("once.after_intent")
            result = await submit(token)
        elif find is None:
            raise errors.MayHaveHappenedError(key, token)
        else:
            found = await find(token)
            result = await submit(token) if found is None else found
        failpoints.hit("once.after_submit")
        encoded = _encode_result(key, result)
        await around.intents.commit(msgspec.structs.replace(intent, result=encoded))
        failpoints.hit("once.after_result")
        return cast("R", msgspec.json.decode(encoded))

    async def write_inputs(self) -> Path:
        """Write `inputs.pb`."""
        _write(self.inputs_file, self._around.inputs())
        return self.inputs_file


def _refuse_key(key: object) -> None:
    """Raise if no row can have that key, before anything is done for it."""
    if not isinstance(key, str) or key != key.encode(errors="replace").decode():
        raise errors.UserError(f"once({key!r}) has a key that can't be kept: use a text of Unicode")


def _encode_result(key: str, result: Any) -> bytes:
    try:
        return msgspec.json.encode(result)
    except (TypeError, ValueError) as error:
        raise errors.CorruptStateError(
            f"the result of once({key!r}) is not JSON: {error}; return what names it outside"
        ) from error


def _as_intent(record: OnceRecord) -> Intent:
    is_done = record.result is not None
    return Intent(
        token=record.token,
        is_done=is_done,
        result=msgspec.json.decode(record.result) if record.result else None,
    )


def _write(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        raise errors.UnavailableError(f"{path} can't be written: {error.strerror}") from error
