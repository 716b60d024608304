"""What clients of elevon need and Flyte's admin service has no call for.

That is: registering a workflow whole, compiled and with its code, where Flyte registers its parts one by one; all rows
of an execution, custom states and history among them; what changes while one looks; and what tasks wrote.
"""

import asyncio
import re
from typing import Final, TypeVar

import msgspec
from google.protobuf.message import DecodeError

from elevon import compiler, errors
from elevon.admin.executions import Admin
from elevon.admin.launch_plans import NewLaunchPlan
from elevon.admin.snapshots import Snapshot
from elevon.admin.wire import executions, requests
from elevon.admin.wire.engines import Engines
from elevon.admin.wire.news import News
from elevon.idl.admin_messages import LaunchPlan
from elevon.idl.messages import CompiledWorkflowClosure, ParameterMap
from elevon.records.attempts import AttemptRecord
from elevon.records.executions import ExecutionRecord
from elevon.records.identities import AttemptId, ExecutionId
from elevon.records.nodes import NodeRecord

M = TypeVar("M", CompiledWorkflowClosure, ParameterMap)
# Of the attempt, or of a further container of its pod.
_STREAM: Final = re.compile(r"(containers/[A-Za-z0-9][A-Za-z0-9._-]*/)?(stdout|stderr)")
LOG_LIMIT: Final = 1 << 20
LONGEST_WAIT_S: Final = 60.0
_LOOK_S: Final = 0.5
_LOOKED_AT_COUNT: Final = 1000
_LEAST_REST_S: Final = 0.1
_RESTS: Final = 3
_LONGEST_REST_S: Final = 2.0


class Registration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A workflow with its code, as a client compiled it.

    Attributes:
        closure: `CompiledWorkflowClosure`, serialized.
        default_inputs: `ParameterMap`, serialized: what it takes, with defaults.
        code: Bundle of the code that its tasks need; empty for none.
        source_path: Where the code was read from.
        version: Of the launch plan; empty for the digest of all the rest.
    """

    closure: bytes
    default_inputs: bytes = b""
    code: bytes = b""
    source_path: str = ""
    version: str = ""


class Update(msgspec.Struct, frozen=True, kw_only=True):
    """What has changed of an execution.

    Attributes:
        after: Number of the last row of history that is in it; to be handed in for the next update. It outlives the
            server.
        execution: Its record.
        nodes: Records that changed.
        attempts: Likewise.
        is_driven: Whether a live engine drives it.
        has_more: Whether more has changed already: what is told of an end is then not yet all that led to it.
    """

    after: int
    execution: ExecutionRecord
    nodes: tuple[NodeRecord, ...] = ()
    attempts: tuple[AttemptRecord, ...] = ()
    is_driven: bool = False
    has_more: bool = False


class Streams(msgspec.Struct, frozen=True, kw_only=True):
    """What an attempt may have written.

    Attributes:
        streams: The names by which they are read, in the order to show them.
    """

    streams: tuple[str, ...]


class Extensions:
    """Answers what Flyte does not ask.

    Args:
        admin: What requests come to.
        engines: What drives executions.
        news: Tells of changes.
    """

    def __init__(self, admin: Admin, engines: Engines, news: News) -> None:
        self._admin = admin
        self._engines = engines
        self._news = news

    async def register(self, registration: Registration) -> LaunchPlan:
        """Check a workflow and keep it with its code; it can be started by name from then on.

        Raises:
            UserError: It is no workflow that can run here; lists all that is wrong.
            ConflictError: Something else is registered under that version.
        """
        closure = _message(registration.closure, CompiledWorkflowClosure, "closure")
        parameters = _message(registration.default_inputs, ParameterMap, "default_inputs")
        workflow = closure.primary.template.id
        if not workflow.name:
            raise errors.UserError("closure: it holds no workflow")
        requests.check_namespace(workflow.project, workflow.domain)
        known = await self._engines.task_types(task.template.type for task in closure.tasks)
        new = NewLaunchPlan(
            closure=await asyncio.to_thread(_compiled_again, closure, known),
            parameters=parameters,
            code=registration.code,
            source_path=registration.source_path,
            version=registration.version,
        )
        return executions.launch_plan_message(await self._admin.launch_plans.register(new))

    async def snapshot(self, text: str, *, is_history_wanted: bool) -> Snapshot:
        """All rows of the execution of that name, or of the only one whose name begins so.

        Raises:
            NotFoundError: There is none, or there are several; names what is near.
        """
        execution = (await self._admin.find(text)).id
        found = await self._admin.snapshot(execution, is_history_wanted=is_history_wanted)
        is_driven = found.owner is not None and self._engines.is_alive(found.owner.owner)
        return msgspec.structs.replace(found, is_driven=is_driven)

    async def update(self, execution: ExecutionId, after: int, patience_s: float) -> Update:
        """What has changed since one update, a part of it if it is much; waits for it, unless the execution has ended.

        Who has come to the present rests until the next change is told, and three times as long as it took to find,
        so that looking on takes no more than a quarter of the time. The end is told at once.

        Args:
            execution: Which.
            after: Of the update before; 0 for all.
            patience_s: How long to wait for a change.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + min(max(patience_s, 0.0), LONGEST_WAIT_S)
        with self._news.of(execution) as waiting:
            while True:
                waiting.news.clear()
                begun_at = loop.time()
                found = await self._look(execution, after)
                left = 0.0 if self._news.is_closed else deadline - loop.time()
                if found.execution.phase.is_terminal or found.has_more or left <= 0:
                    return found
                if found.after > after:
                    rest_s = max(_LEAST_REST_S, _RESTS * (loop.time() - begun_at))
                    if await _has_come(waiting.end, min(rest_s, left, _LONGEST_REST_S)):
                        return await self._look(execution, after)
                    return found
                await _has_come(waiting.news, min(left, _LOOK_S))

    async def streams(self, attempt: AttemptId) -> Streams:
        """What an attempt may have written.

        Raises:
            NotFoundError: There is no such execution, node or attempt.
        """
        await self._admin.attempts.find(attempt.execution, attempt.node_id, attempt.attempt)
        return Streams(streams=await self._engines.streams(attempt))

    async def read_log(self, attempt: AttemptId, stream: str, offset: int) -> bytes:
        """What an attempt has written, from a byte on, a piece of it; nothing if there is no more now.

        Raises:
            NotFoundError: There is no such execution, node or attempt.
            UserError: There is no such stream.
        """
        if not _STREAM.fullmatch(stream):
            raise errors.UserError(
                f"stream {stream!r} is none: an attempt has stdout and stderr, and those of further containers are "
                "containers/NAME/stdout and containers/NAME/stderr"
            )
        await self._admin.attempts.find(attempt.execution, attempt.node_id, attempt.attempt)
        return await self._engines.read_log(attempt, stream, offset, LOG_LIMIT)

    async def _look(self, execution: ExecutionId, after: int) -> Update:
        changes = await self._admin.changes(execution, after, _LOOKED_AT_COUNT)
        lease = await self._admin.owner(execution)
        return Update(
            after=changes.after,
            execution=changes.execution,
            nodes=changes.nodes,
            attempts=changes.attempts,
            is_driven=lease is not None and self._engines.is_alive(lease.owner),
            has_more=changes.has_more,
        )


async def _has_come(event: asyncio.Event, patience_s: float) -> bool:
    """Wait for an event; whether it came."""
    try:
        async with asyncio.timeout(patience_s):
            await event.wait()
    except TimeoutError:
        return False
    return True


def _message(content: bytes, wanted: type[M], field: str) -> M:
    try:
        return wanted.FromString(content)
    except DecodeError as error:
        raise errors.UserError(f"{field}: it is no {wanted.DESCRIPTOR.name} as protobuf writes it") from error


def _compiled_again(
    closure: CompiledWorkflowClosure, known: frozenset[str] | None
) -> CompiledWorkflowClosure:
    """What the compiler of this side makes of it: nobody's word is taken for what runs here."""
    templates = compiler.Templates(
        workflow=closure.primary.template,
        sub_workflows=tuple(workflow.template for workflow in closure.sub_workflows),
        tasks=tuple(task.template for task in closure.tasks),
    )
    return compiler.compile(templates, known)
