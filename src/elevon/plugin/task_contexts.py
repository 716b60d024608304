"""`TaskContext` itself: one object a call, over the values of the call and what the engine does for it.

The same class serves on the engine's loop, in a thread, in a host process and in tests; what differs is only the
way to the engine (`AttemptServices`).
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

import msgspec

from elevon import errors, ports
from elevon.idl.messages import SecurityContext
from elevon.plugin import environments
from elevon.plugin.contexts import (
    AS_DESCRIBED,
    Intent,
    Launch,
    Overrides,
    R,
    SetupContext,
    TaskExecutionId,
)
from elevon.plugin.invocations import AttemptServices, Invocation
from elevon.plugin.states import StateCodec
from elevon.primitives import failpoints, ids
from elevon.records.attempts import OnceRecord
from elevon.records.phases import AttemptPhase

S = TypeVar("S")
_TOKEN_LENGTH = 63


class AttemptLauncher:
    """`plugin.TaskLauncher` for one attempt."""

    def __init__(self, services: AttemptServices) -> None:
        self._services = services

    async def start(self, launch: Launch = AS_DESCRIBED, grace: timedelta = timedelta(0)) -> ports.JobStatus:
        """Start the job, or find it started."""
        return await self._services.start_job(launch, grace)

    async def poll(self, launch: Launch = AS_DESCRIBED) -> ports.JobStatus:
        """Where the job stands; one that went down with an engine is started again."""
        return await self._services.poll_job(launch)

    async def kill(self) -> None:
        """End the job and everything it started."""
        await self._services.kill_job()


class AttemptContext(Generic[S]):
    """`plugin.TaskContext` for one call.

    Args:
        invocation: The call.
        codec: Of the executor's state.
        services: The way to the engine.
        setup: What the executor was initialized with.
    """

    def __init__(
        self,
        invocation: Invocation,
        codec: StateCodec[S],
        services: AttemptServices,
        setup: SetupContext[Any],
    ) -> None:
        self.setup = setup
        self.now: datetime = invocation.now
        self.start_may_have_happened = invocation.start_may_have_happened
        self._invocation = invocation
        self._record = invocation.record
        self._codec = codec
        self._services = services
        self._onces = invocation.onces
        self._turns: dict[str, asyncio.Lock] = {}
        self._acting: list[asyncio.Task[Any] | None] = []  # the tasks in which `once` is under way
        self._is_over = False

    async def close(self) -> None:
        """The call has ended, and with it the effects that it left behind in tasks of their own.

        One of several that are gathered raises, and the others would go on: beside the next call, which looks for what
        they have not done yet, and does it.
        """
        self._is_over = True
        left = {task for task in self._acting if task is not None}
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left)

    @property
    def task_execution_id(self) -> TaskExecutionId:
        """Who it is."""
        return TaskExecutionId(attempt=self._invocation.id, generated_name=self._invocation.name)

    @property
    def owner_id(self) -> str:
        """Name of the execution."""
        return self._invocation.id.execution.name

    @property
    def namespace(self) -> str:
        """`<project>-<domain>`."""
        return f"{self._invocation.id.execution.project}-{self._invocation.id.execution.domain}"

    @property
    def labels(self) -> Mapping[str, str]:
        """Execution and node, in spellings that Kubernetes takes."""
        return {"execution-id": self.owner_id, "node-id": self._invocation.id.node_id.replace("/", ".")}

    @property
    def annotations(self) -> Mapping[str, str]:
        """None of the engine's own."""
        return {}

    @property
    def overrides(self) -> Overrides:
        """Resources and configuration of the task."""
        return Overrides(resources=self._invocation.task.resources, config=self._invocation.task.config)

    @property
    def security_context(self) -> SecurityContext:
        """Whom the task runs as, and the secrets that it asks for."""
        return self._invocation.task.security_context

    @property
    def environment(self) -> Mapping[str, str]:
        """Execution, task and attempt."""
        id_ = self._invocation.id
        return environments.of_task(id_.execution, self._invocation.task.id) | environments.of_attempt(id_)

    @property
    def attempt(self) -> int:
        """Index of the attempt."""
        return self._record.attempt

    @property
    def data_dir(self) -> Path:
        """The attempt's own directory."""
        return self._invocation.paths.data_dir

    @property
    def inputs_file(self) -> Path:
        """Where `inputs.pb` goes."""
        return self._invocation.paths.inputs_file

    @property
    def outputs_file(self) -> Path:
        """Where `outputs.pb` is expected."""
        return self._invocation.paths.outputs_file

    @property
    def error_file(self) -> Path:
        """Where `error.pb` is expected."""
        return self._invocation.paths.error_file

    @property
    def raw_output_prefix(self) -> str:
        """Below it go the user's files."""
        return self._invocation.paths.raw_output_prefix

    @property
    def checkpoint_prefix(self) -> str:
        """Where this attempt's checkpoints go."""
        return self._invocation.paths.checkpoint_prefix

    @property
    def previous_checkpoint_prefix(self) -> str | None:
        """Where those of the attempt before are."""
        return self._invocation.paths.previous_checkpoint_prefix

    @property
    def phase(self) -> AttemptPhase:
        """The committed phase."""
        return self._record.phase

    @property
    def phase_version(self) -> int:
        """The committed phase version."""
        return self._record.phase_version

    @property
    def custom_state(self) -> S | None:
        """The committed state, decoded anew at each look."""
        if self._record.custom_state is None:
            return None
        return self._codec.decode(self._record.custom_state, self._record.state_version)

    @property
    def state(self) -> S:
        """`custom_state`, where there must be one."""
        if self._record.custom_state is None:
            raise errors.BugError(
                f"attempt {self._invocation.id} has no custom state yet: only a committed status brings one"
            )
        return self._codec.decode(self._record.custom_state, self._record.state_version)

    @property
    def intents(self) -> Mapping[str, Intent]:
        """What `once` has begun or done."""
        return {key: _as_intent(record) for key, record in self._onces.items()}

    @property
    def wake(self) -> Callable[[], None]:
        """Says that there is news."""
        return self._services.wake

    @property
    def launcher(self) -> AttemptLauncher:
        """Runs the template's user code."""
        return AttemptLauncher(self._services)

    async def once(
        self,
        key: str,
        submit: Callable[[str], Awaitable[R]],
        find: Callable[[str], Awaitable[R | None]] | None = None,
    ) -> R:
        """See `plugin.TaskContext.once`."""
        _refuse_key(key)
        task = asyncio.current_task()
        self._acting.append(task)
        try:
            async with self._turns.setdefault(key, asyncio.Lock()):
                return await self._once(key, submit, find)
        finally:
            self._acting.remove(task)

    async def _once(
        self,
        key: str,
        submit: Callable[[str], Awaitable[R]],
        find: Callable[[str], Awaitable[R | None]] | None,
    ) -> R:
        known = self._onces.get(key)
        if known is not None and known.result is not None:
            return msgspec.json.decode(known.result)
        intent = known or self._intent(key)
        token = intent.token
        if known is None:
            await self._commit(intent)
            failpoints.hit("once.after_intent")
            result = await submit(token)
        elif find is None:
            raise errors.MayHaveHappenedError(key, token)
        else:
            found = await find(token)
            result = await submit(token) if found is None else found
        failpoints.hit("once.after_submit")
        encoded = _encode_result(key, result)
        await self._commit(msgspec.structs.replace(intent, result=encoded))
        failpoints.hit("once.after_result")
        return cast("R", msgspec.json.decode(encoded))

    def _intent(self, key: str) -> OnceRecord:
        """A new intent; its token is kept with it, because another release may call the attempt by another name."""
        id_ = self._invocation.id
        token = ids.generated_name(f"{self._invocation.name}-{key}", _TOKEN_LENGTH)
        return OnceRecord(node_id=id_.node_id, attempt=id_.attempt, key=key, token=token)

    async def _commit(self, record: OnceRecord) -> None:
        if self._is_over:
            raise errors.BugError(
                f"once({record.key!r}) came after the call for {self._invocation.id} had ended: "
                "keep nothing of a context beyond the call"
            )
        await self._services.commit_once(record)
        self._onces = {**self._onces, record.key: record}

    async def write_inputs(self) -> Path:
        """Write `inputs.pb`."""
        await self._services.write_inputs()
        return self.inputs_file

    async def write_code(self) -> Path | None:
        """Write the user's code."""
        return self._invocation.paths.code_file if await self._services.write_code() else None


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
