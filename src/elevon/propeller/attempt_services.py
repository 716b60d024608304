"""What the engine does for one attempt while its executor is called, and what `once` has committed for it.

Everything here but `wake` runs on the engine's loop; for an executor that runs elsewhere its host brings the calls
here.
"""

import asyncio
import functools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TypeAlias

import msgspec

from elevon import errors, ports
from elevon.idl.messages import LiteralMap
from elevon.plugin.contexts import Launch
from elevon.plugin.invocations import NO_ONCES, AttemptPaths
from elevon.primitives.redaction import Redactor
from elevon.propeller import masking
from elevon.records.attempts import OnceRecord
from elevon.records.changes import Change
from elevon.records.identities import AttemptId

Commit: TypeAlias = Callable[[Sequence[Change]], Awaitable[None]]


class AttemptIntents:
    """What `once` has committed for one attempt."""

    def __init__(self, commit: Commit) -> None:
        self._commit = commit
        self._records: dict[str, OnceRecord] = {}
        self._keeping: set[asyncio.Future[None]] = set()

    def load(self, record: OnceRecord) -> None:
        """Take in what an earlier engine committed."""
        self._records[record.key] = record

    def all(self) -> Mapping[str, OnceRecord]:
        """All records by key, as they are now."""
        return dict(self._records) if self._records else NO_ONCES

    async def commit(self, record: OnceRecord) -> None:
        """Make a record durable, then known; both happen even if the call that waits for it is cancelled."""
        keeping = asyncio.ensure_future(self._commit([record]))
        self._keeping.add(keeping)
        keeping.add_done_callback(functools.partial(self._keep, record))
        await asyncio.shield(keeping)

    async def settle(self) -> None:
        """Wait for commits that a cancelled call has left under way: the next call must know of them."""
        if self._keeping:
            await asyncio.wait(self._keeping)

    def _keep(self, record: OnceRecord, keeping: asyncio.Future[None]) -> None:
        self._keeping.discard(keeping)
        if not keeping.cancelled() and keeping.exception() is None:
            self._records[record.key] = record


class AttemptInputs:
    """A node's inputs for one attempt, put together when they are first asked for, and once.

    Args:
        resolve: Puts them together; raises `UserError` if that can't be done.
    """

    __slots__ = ("_content", "_resolve")

    def __init__(self, resolve: Callable[[], LiteralMap]) -> None:
        self._resolve = resolve
        self._content: bytes | None = None

    def content(self) -> bytes:
        """They, serialized."""
        if self._content is None:
            self._content = self._resolve().SerializeToString(deterministic=True)
        return self._content


class EngineAttemptServices(msgspec.Struct, frozen=True, kw_only=True, weakref=True):
    """`plugin.invocations.AttemptServices` of one attempt.

    Attributes:
        id: The attempt.
        name: Its generated name.
        paths: Where its files are.
        inputs: The node's inputs: what an executor does to the ones that it was given changes nothing here.
        code: The user's code, as a bundle; empty for none.
        intents: Of `once`.
        launcher: The port.
        job: Makes the template's job, with what the executor changes and the secrets that it asks for; raises
            `UserError` if it has none, or if there is no such secret.
        redactor: Knows what must not become durable.
        wake: Posts news; from any thread.
    """

    id: AttemptId
    name: str
    paths: AttemptPaths
    inputs: AttemptInputs
    code: Callable[[], Awaitable[bytes]]
    intents: AttemptIntents
    launcher: ports.Launcher
    job: Callable[[Launch], Awaitable[ports.Job]]
    redactor: Redactor
    wake: Callable[[], None]

    async def commit_once(self, record: OnceRecord) -> None:
        """Make an intent or its result durable; `CorruptStateError` if it holds a secret."""
        masking.refuse_secret(record, self.redactor)
        await self.intents.commit(record)

    async def write_inputs(self) -> None:
        """Write `inputs.pb`."""
        _write(self.paths.inputs_file, self.inputs.content())

    async def write_code(self) -> bool:
        """Write the user's code; False if there is none."""
        content = await self.code()
        if content:
            _write(self.paths.code_file, content)
        return bool(content)

    async def start_job(self, launch: Launch, grace: timedelta) -> ports.JobStatus:
        """Start the job, or find it started."""
        job = await self.job(launch)
        if job.entrypoint is None:
            _write(self.paths.inputs_file, job.inputs)
        return await self.launcher.start(job, self.wake, grace)

    async def poll_job(self, launch: Launch) -> ports.JobStatus:
        """Where the job stands; one that went down with an engine is started again."""
        status = await self.launcher.poll(self.name)
        if status.is_known:
            return status
        return msgspec.structs.replace(await self.start_job(launch, timedelta(0)), is_restarted=True)

    async def kill_job(self) -> None:
        """End the job and everything it started."""
        await self.launcher.kill(self.name)


def _write(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        raise errors.UnavailableError(f"{path} can't be written: {error.strerror}") from error
