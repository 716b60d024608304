"""One call of an executor, carried out where the executor runs, and the reply that it comes to.

Whatever an executor does (returns, raises, panics) leaves here as a plain value; nothing it raises goes further, and
nothing that could not be stored does. It must never know whether the reply crosses to another thread or process.
"""

import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, cast

import msgspec

from elevon import errors
from elevon.idl.messages import DynamicJobSpec, Literal, LiteralMap, Message, TaskTemplate
from elevon.plugin import crossings
from elevon.plugin.contexts import SetupContext
from elevon.plugin.executors import Executor
from elevon.plugin.invocations import AttemptServices, Invocation
from elevon.plugin.states import StateCodec
from elevon.plugin.statuses import Details, TaskStatus
from elevon.plugin.task_contexts import AttemptContext
from elevon.primitives import log_contexts
from elevon.records import failures
from elevon.records.answers import Answer, CallKind, Done, Outputs, Raised, Reply
from elevon.records.failures import Failure
from elevon.records.nodes import OUTPUTS_LIMIT_BYTES
from elevon.records.phases import AttemptPhase

logger = logging.getLogger(__name__)
_LONGEST_WAIT = timedelta(days=365)  # instants have an end: the year 9999
_PLAIN = Details()
_ANSWERS = msgspec.msgpack.Decoder(Answer)

# Outputs live in a row, and travel whole through every commit and read of it: a row is no place for data, and a store
# has a limit too, which is only met when the engine can't commit any more (SQLite: 10**9 bytes).


class ServedExecutor:
    """An executor with what its calls need beside it.

    Args:
        executor: The one instance.
        codec: Of its custom state.
        decode_spec: Makes the declared message of a template; raises `UserError` if it does not fit.
        setup: What it is initialized with, and what its contexts carry.

    Attributes:
        setup: The same.
    """

    def __init__(
        self,
        executor: Executor[Any, Any],
        codec: StateCodec[Any],
        decode_spec: Callable[[TaskTemplate], Message | None],
        setup: SetupContext[Any],
    ) -> None:
        self._executor = executor
        self._codec = codec
        self._decode_spec = decode_spec
        self.setup = setup

    async def initialize(self) -> None:
        """Let the executor set itself up; what it was given to keep running ends with an attempt that fails."""
        try:
            await self._executor.initialize(self.setup)
        except BaseException:
            await self.setup.caches.close()
            raise

    async def close(self) -> None:
        """Close the executor, and then what runs for it."""
        try:
            await self._executor.close()
        finally:
            await self.setup.caches.close()

    async def carry_out(self, invocation: Invocation, services: AttemptServices) -> Reply:
        """Make the call, and say what came of it; only a cancellation is raised."""
        context = AttemptContext(invocation, self._codec, services, self.setup)
        with log_contexts.Entered(invocation.log_context):
            return await self._contained(invocation, context)

    async def _contained(self, invocation: Invocation, context: AttemptContext[Any]) -> Reply:
        try:
            return await crossings.contained(lambda: self._call(invocation, context))
        except Exception as error:  # noqa: BLE001 - whatever an executor raises is the reply of its call
            return raised(error, f"{invocation.call} of {invocation.id}")
        finally:
            await context.close()

    async def _call(self, invocation: Invocation, context: AttemptContext[Any]) -> Reply:
        executor = self._executor
        match invocation.call:
            case CallKind.START:
                return await self._start(invocation, context)
            case CallKind.CHECK:
                return self._answered(
                    invocation, await self._begun(invocation, executor.check_task_status(context))
                )
            case CallKind.KILL:
                await self._begun(invocation, executor.kill_task(context, invocation.reason))
                return Done()
            case CallKind.FINALIZE:
                await self._begun(invocation, executor.finalize_task(context))
                return Done()
            case CallKind.RESOLVE:
                return await self._resolve(invocation, context)

    async def _start(self, invocation: Invocation, context: AttemptContext[Any]) -> Reply:
        """A start has a spec; what is wrong with it is found before the executor is reached."""
        template = invocation.template or TaskTemplate()
        try:
            spec = self._decode_spec(template)
        except errors.UserError as error:
            return raised(error, f"the message of {invocation.id}", was_called=False)
        inputs = LiteralMap() if invocation.inputs is None else invocation.inputs
        start = self._executor.start_task(context, template, spec, inputs)
        return self._answered(invocation, await self._begun(invocation, start))

    def _begun(self, invocation: Invocation, made: Any) -> Awaitable[Any]:
        """What a method of the executor made, which a forgotten `async` makes no coroutine."""
        if not inspect.isawaitable(made):
            raise errors.UserError(
                f"executor {self._executor.id!r} returned {type(made).__name__} instead of a coroutine from "
                f"{invocation.call}: define the method by async def"
            )
        return made

    async def _resolve(self, invocation: Invocation, context: AttemptContext[Any]) -> Outputs:
        """What the task's process left: futures, or else outputs."""
        left = invocation.paths.futures_file
        if left.exists():
            return Outputs(b"", futures=left.read_bytes())
        found = await self._executor.resolve_outputs(context, *invocation.task.outputs)
        return Outputs(self._outputs(invocation, found))

    def _answered(self, invocation: Invocation, status: Any) -> Reply:
        """The reply of whatever a start or check returned."""
        if not isinstance(status, TaskStatus):
            raise errors.UserError(
                f"executor {self._executor.id!r} returned {type(status).__name__} from {invocation.call}: "
                f"{'await it' if inspect.isawaitable(status) else 'return a TaskStatus'}"
            )
        return self._known(invocation, cast("TaskStatus[Any]", status))

    def _known(self, invocation: Invocation, status: TaskStatus[Any]) -> Reply:
        """The reply of a status: its state encoded, and its outputs or futures if it has them."""
        outputs = futures = None
        keeps_state = _keeps_state(status)
        if status.phase is AttemptPhase.SUCCEEDED:
            try:
                if status.futures is not None:
                    futures = self._futures(invocation, status.futures)
                elif status.outputs is not None:
                    outputs = self._outputs(invocation, status.outputs)
            except errors.UserError as error:
                status = TaskStatus.permanent_failure(failures.from_exception(error), status.state)
        try:
            state = None if keeps_state else self._codec.encode(status.state)
            answer = self._encode(status, state, outputs, futures)
            if status.failure is not None or status.details != _PLAIN:
                _ensure_storable(answer)
        except errors.CorruptStateError as error:
            return self._refused(f"a state that can't be kept: {error}")
        except (msgspec.MsgspecError, TypeError, ValueError, OverflowError) as error:
            return self._refused(f"a status that can't be kept: {error}")
        return answer

    def _refused(self, what: str) -> Raised:
        """An answer that can't be stored is refused now; no repetition mends the executor's code."""
        failure = Failure(
            code="SYSTEM:StateRefused",
            message=f"executor {self._executor.id!r} returned {what}",
            is_recoverable=False,
        )
        return Raised(failure=failure, retry=errors.Retry.NEVER)

    def _encode(
        self, status: TaskStatus[Any], state: bytes | None, outputs: bytes | None, futures: bytes | None
    ) -> Answer:
        details = status.details
        check_after = self._executor.properties.check_after
        if details.check_after is not None:
            check_after = details.check_after
        return Answer(
            phase=status.phase,
            phase_version=details.phase_version,
            custom_state=state,
            state_version=self._codec.version,
            outputs=outputs,
            futures=futures,
            failure=status.failure,
            occurred_at=details.occurred_at,
            log_links=details.log_links,
            custom_info=b"" if details.custom_info is None else msgspec.json.encode(details.custom_info),
            check_after=min(check_after, _LONGEST_WAIT),
            reason=details.reason,
            is_restarted=details.is_restarted,
        )

    def _outputs(self, invocation: Invocation, found: Mapping[str, Any]) -> bytes:
        """Serialized outputs of a success, exactly those declared, and no more than a row may hold."""
        names = invocation.task.outputs
        missing = [name for name in names if name not in found]
        if missing:
            raise errors.UserError(
                f"executor {self._executor.id!r} reported success without the outputs {', '.join(missing)}"
            )
        for name in names:
            if not isinstance(found[name], Literal):
                raise errors.UserError(
                    f"executor {self._executor.id!r} returned {type(found[name]).__name__} as output {name!r}: "
                    "return a Literal"
                )
        outputs = LiteralMap(literals={name: found[name] for name in names})
        if outputs.ByteSize() > OUTPUTS_LIMIT_BYTES:
            sizes = ", ".join(f"{name} of {found[name].ByteSize()} bytes" for name in names)
            raise errors.UserError(
                f"task {invocation.task.id.name} (node {invocation.id.node_id}) returned {sizes}, the limit for all "
                f"outputs of a node is {OUTPUTS_LIMIT_BYTES} bytes: return large data as a File or Directory"
            )
        return outputs.SerializeToString(deterministic=True)

    def _futures(self, invocation: Invocation, spec: DynamicJobSpec) -> bytes:
        """Serialized futures, no more than an artifact may hold."""
        if spec.ByteSize() > OUTPUTS_LIMIT_BYTES:
            raise errors.UserError(
                f"task {invocation.task.id.name} (node {invocation.id.node_id}) returned futures of {spec.ByteSize()} "
                f"bytes, the limit is {OUTPUTS_LIMIT_BYTES} bytes: pass large data as a File or Directory"
            )
        return spec.SerializeToString(deterministic=True)


def raised(error: BaseException, what: str, *, was_called: bool = True) -> Raised:
    """The reply of a call that raised, by the error table; it is logged with its traceback.

    Args:
        error: What it raised.
        what: The call, for the log.
        was_called: False if the executor was never reached.
    """
    failure = failures.from_exception(error)
    logger.info("%s raised: %s", what, failure.message, exc_info=error)
    return Raised(
        failure=failure,
        retry=errors.policy_of(error).retry,
        after=_after(error),
        was_called=was_called,
    )


def _after(error: BaseException) -> timedelta | None:
    """When an error wants the call repeated; None where it does not say."""
    after = error.after if isinstance(error, errors.RetryableError) else None
    return None if after is None else min(max(after, timedelta(0)), _LONGEST_WAIT)


def _keeps_state(status: TaskStatus[Any]) -> bool:
    """Whether the committed state stays: nothing is known, or an end or a `not_ready` that says nothing of it."""
    if status.phase is None:
        return True
    is_optional = status.phase.is_terminal or status.phase is AttemptPhase.WAITING_FOR_RESOURCES
    return status.state is None and is_optional


def _ensure_storable(answer: Answer) -> None:
    """Raise what keeps it from being stored; text that is no Unicode does not: the store keeps it as escapes."""
    try:
        _ANSWERS.decode(msgspec.msgpack.encode(answer))
    except UnicodeEncodeError:
        kept = (bytes, datetime, timedelta)
        msgspec.convert(msgspec.to_builtins(answer, builtin_types=kept), Answer, builtin_types=kept)
