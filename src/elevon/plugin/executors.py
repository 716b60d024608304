"""The executor: the engine's side of one task type, and the interface that its author implements.

Every behaviour that an executor may rely on is stated here or in `contexts`; the engine keeps to it for shipped
executors and for a stranger's alike.
"""

import abc
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar, Generic, TypeAlias, TypeVar
from typing import Literal as OneOf

import msgspec
from google.protobuf.message import DecodeError

from elevon import errors
from elevon.idl.messages import Literal, LiteralMap, TaskTemplate
from elevon.plugin.contexts import SetupContext, TaskContext
from elevon.plugin.statuses import TaskStatus

CONTRACT_VERSION = 1
Isolation: TypeAlias = OneOf["engine", "thread", "process"]

M = TypeVar("M")
S = TypeVar("S")


class ExecutorProperties(msgspec.Struct, frozen=True, kw_only=True):
    """What the engine must know of an executor before it calls it.

    Attributes:
        requires_finalizer: The execution is not terminal before `finalize_task` has succeeded.
        generated_name_max_length: Limit on `TaskExecutionId.generated_name`, in characters.
        max_concurrency: Limit on attempts under way at once in one engine; 0 for none. Not together with
            `uses_launcher`, whose slots are the limit.
        call_timeout: After this, a call is cancelled and counts as a system failure.
        check_after: Time between two checks, unless a status or `wake` says otherwise.
        uses_launcher: An attempt is started only when the launcher has a free slot for it, as many as its template
            requests CPUs; it gives the slot back when its terminal status is durable. An executor that launches
            late, after waiting for something else, leaves it False: its job waits in the launcher's queue.
        isolation: `engine` (the engine's own loop), `thread` (a loop of its own in a thread) or `process` (a process of
            its own, which the engine ends and starts again if it must).
        discovers_types: Which types it serves is found out at run time, by `discover_types`; `task_types` may be empty.
        generates_types: Types of the tasks that those of its own types go on as (their futures), as far as they are
            known beforehand. An execution that needs this executor is refused at once if one of them can't be served,
            instead of waiting for it in the middle.
    """

    requires_finalizer: bool = False
    generated_name_max_length: int = 63
    max_concurrency: int = 0
    call_timeout: timedelta = timedelta(seconds=60)
    check_after: timedelta = timedelta(seconds=10)
    uses_launcher: bool = False
    isolation: Isolation = "thread"
    discovers_types: bool = False
    generates_types: tuple[str, ...] = ()


class DiscoveredTypes(msgspec.Struct, frozen=True, kw_only=True):
    """What an executor has found that it can serve.

    Attributes:
        task_types: All of them, besides those that it registers for.
        problem: Why there may be more, as a sentence that names what could not be asked; empty if nothing is in the
            way. Whoever asks for a type that nobody serves is told.
    """

    task_types: tuple[str, ...] = ()
    problem: str = ""


class Executor(abc.ABC, Generic[M, S]):
    """Starts, checks, kills, finalizes and resolves the task executions of its types.

    Subclass it as `Executor[Message, State]`, with None for a type without message or without state. One instance
    serves all executions of an engine; truth lives in the custom state alone, because the engine may be killed at
    any instruction and go on from what it had committed.

    What holds for every call:

    - Calls for one task execution never overlap, whichever methods they are.
    - A status and its state are committed together before anything else sees them. A state that JSON does not keep,
      or that is too large, is refused then; see `StateCodec`.
    - Phases move forward. The pair of phase and phase version identifies what is recorded: an unchanged pair records
      nothing, and a phase that would go back is kept where it is, counted and reported.
    - An error of `elevon.errors` is handled by the table there. Any other exception is a system failure: repeated
      with growing pauses, counted apart from the user's retries, limited, and then reported with its traceback.
    - A call that outlasts `ExecutorProperties.call_timeout` is cancelled, and is a system failure once it has ended.
    - What one executor raises or blocks disturbs no other, within the limits of its isolation.

    Attributes:
        id: Unique in the engine.
        task_types: The type strings it registers for.
        properties: What the engine must know before it calls.
        config_type: A msgspec Struct with defaults, or None.
        state_version: Version of the state's layout; see `migrate`.
        contract_version: The least version of this contract that the executor needs.
    """

    id: ClassVar[str]
    task_types: ClassVar[tuple[str, ...]]
    properties: ClassVar[ExecutorProperties] = ExecutorProperties()
    config_type: ClassVar[type[msgspec.Struct] | None] = None
    state_version: ClassVar[int] = 1
    contract_version: ClassVar[int] = 1

    async def initialize(self, setup: SetupContext[Any]) -> None:
        """Heavy set-up; runs before any other call, while construction is cheap.

        If it raises, tasks of its types are refused with that error, attempts that were accepted before wait and say
        why, and the engine runs on.
        """

    async def discover_types(self) -> DiscoveredTypes:
        """The types that it serves besides `task_types`, as far as it knows now; asked with `discovers_types` alone.

        Called after `initialize`, when a type is wanted that nobody serves, and every 10 s from then on. A type that
        another executor registers for stays with that one. Attempts of a type that is not among the answer any more
        wait and name it, and go on when it is back; so what can't be asked at the moment is answered from memory. If it
        raises, what was discovered before stays.
        """
        return DiscoveredTypes()

    @abc.abstractmethod
    async def start_task(
        self, ctx: TaskContext[S], template: TaskTemplate, spec: M, inputs: LiteralMap
    ) -> TaskStatus[S]:
        """Begin the task; the only call that sees template, spec and inputs: what is needed later goes into the state.

        Called again only after it returned `not_ready`, whose state is kept, or after a call that returned no status
        (it raised, was out of time, or the engine died); then `ctx.start_may_have_happened` is true.

        Args:
            ctx: The task execution.
            template: The task's template.
            spec: `template.custom`, decoded as the declared message.
            inputs: The inputs, literals by name.
        """

    @abc.abstractmethod
    async def check_task_status(self, ctx: TaskContext[S]) -> TaskStatus[S]:
        """Say where the task stands, from the last committed state.

        Called after `check_after`, or sooner when `ctx.wake` was. `ctx.state` is decoded anew at each call: to
        change it has no effect, to return another does.
        """

    @abc.abstractmethod
    async def kill_task(self, ctx: TaskContext[S], reason: str) -> None:
        """End what was started: on abort, after a time-out, or in a failing workflow.

        Called at least once for each attempt that started or may have, and repeated until it returns, so it is
        idempotent; never after a terminal status, and never because an engine ends. With `ctx.custom_state` None no
        status was committed: the generated name and `ctx.intents` are the handles.

        Args:
            ctx: The task execution.
            reason: Why, for people and for the service.
        """

    async def finalize_task(self, ctx: TaskContext[S]) -> None:
        """Clean up: remove what was staged, release what was held.

        Called at least once after every end of an attempt, be it success, failure or kill, so it is idempotent.
        """

    async def resolve_outputs(self, ctx: TaskContext[S], *names: str) -> Mapping[str, Literal]:
        """The outputs of a succeeded task whose status did not carry them; by default from `outputs.pb`.

        Called before the success is committed: a success without its outputs is never stored.

        Args:
            ctx: The task execution.
            names: The outputs that the interface declares.

        Raises:
            UserError: There are none, or one is missing; the attempt has failed then.
        """
        return read_outputs(ctx, *names)

    def migrate(self, old_version: int, raw: Any) -> Any:
        """Turn a state of an older version, as plain JSON data, into one of `state_version`.

        An attempt whose state can't be read, or is newer than this release, waits for a release that can: it is
        neither failed nor killed.

        Args:
            old_version: The `state_version` that it was written with.
            raw: The state, decoded from JSON.

        Raises:
            CorruptStateError: There is no way from that version.
        """
        raise errors.CorruptStateError(
            f"executor {self.id!r} can't read a state of version {old_version}: "
            f"it writes version {self.state_version} and has no migration"
        )

    async def close(self) -> None:
        """Release what `initialize` acquired."""


def read_outputs(ctx: TaskContext[Any], *names: str) -> Mapping[str, Literal]:
    """The named literals of the attempt's `outputs.pb`.

    Raises:
        UserError: The file is missing, damaged or lacks a name.
    """
    if not ctx.outputs_file.exists():
        if not names:
            return {}
        raise errors.UserError(
            f"the task succeeded without its outputs {', '.join(names)}: {ctx.outputs_file.name} was not written"
        )
    try:
        found = LiteralMap.FromString(ctx.outputs_file.read_bytes()).literals
    except DecodeError as error:
        raise errors.UserError(
            f"{ctx.outputs_file.name} is damaged: write a serialized LiteralMap"
        ) from error
    missing = [name for name in names if name not in found]
    if missing:
        raise errors.UserError(
            f"{ctx.outputs_file.name} lacks the outputs {', '.join(missing)}: return all of them"
        )
    return {name: found[name] for name in names}
