"""A task execution in memory, for unit tests of an executor: call it, commit its status, call it again.

The context keeps the contract's promises that can be kept without an engine: the state goes through the codec at
every commit, `once` keeps a ledger of intents, results go through JSON. It simulates no faults by itself; a test
drops what an engine would lose by not committing it.
"""

import copy
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

from elevon import errors, ports
from elevon.idl.messages import LiteralMap, TaskTemplate
from elevon.plugin.contexts import AS_DESCRIBED, Intent, Json, Launch, TaskExecutionId
from elevon.plugin.declarations import declared_types
from elevon.plugin.executors import Executor
from elevon.plugin.states import StateCodec
from elevon.plugin.statuses import TaskStatus
from elevon.primitives import ids
from elevon.records.identities import AttemptId, ExecutionId
from elevon.records.phases import AttemptPhase

S = TypeVar("S")
R = TypeVar("R", bound=Json)
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


class ScriptedLauncher:
    """A launcher that answers from a list, the last answer for ever, and records every call.

    Attributes:
        calls: `start`, `poll` and `kill` in order.
        launches: What was asked for, by each start and poll.
    """

    def __init__(self, answers: Sequence[ports.JobStatus] = (ports.JobStatus(is_started=True),)) -> None:
        self._answers = list(answers)
        self.calls: list[str] = []
        self.launches: list[Launch] = []

    async def start(self, launch: Launch = AS_DESCRIBED, grace: timedelta = timedelta(0)) -> ports.JobStatus:
        """The next answer."""
        del grace
        return self._answer("start", launch)

    async def poll(self, launch: Launch = AS_DESCRIBED) -> ports.JobStatus:
        """The next answer."""
        return self._answer("poll", launch)

    async def kill(self) -> None:
        """Record it."""
        self.calls.append("kill")

    def _answer(self, call: str, launch: Launch) -> ports.JobStatus:
        self.calls.append(call)
        self.launches.append(launch)
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


class FakeTaskContext(Generic[S]):
    """One task execution, as `elevon.plugin.TaskContext` describes it.

    Attributes:
        now: The time; a test moves it on.
        start_may_have_happened: A test sets it.
        launcher: The scripted launcher.
        wake_count: How often `wake` was called.
        intents: What `once` has begun or done; a test may remove a result to play a crash.
    """

    def __init__(
        self,
        executor: Executor[Any, S] | type[Executor[Any, S]],
        data_dir: Path,
        *,
        launcher: ScriptedLauncher | None = None,
        attempt: int = 0,
    ) -> None:
        cls = executor if isinstance(executor, type) else type(executor)
        self._id = AttemptId(ExecutionId("default", "development", "a0"), "n0", attempt)
        self._name = ids.generated_name(str(self._id), cls.properties.generated_name_max_length)
        self._codec: StateCodec[S] = StateCodec(declared_types(cls).state, version=cls.state_version)
        self._raw: bytes | None = None
        self._inputs = LiteralMap()
        self.data_dir = data_dir
        self.now = EPOCH
        self.start_may_have_happened = False
        self.launcher = launcher or ScriptedLauncher()
        self.wake_count = 0
        self.intents: dict[str, Intent] = {}
        self.phase = AttemptPhase.STARTING
        self.phase_version = 0

    def commit(self, status: TaskStatus[S]) -> TaskStatus[S]:
        """Make a status durable, as the engine does after each call, and return it.

        Raises:
            CorruptStateError: The state does not survive its codec.
            BugError: The phase went back.
        """
        if status.phase is None:
            return status
        if _RANKS[status.phase] < _RANKS[self.phase]:
            raise errors.BugError(
                f"the phase went back from {self.phase} to {status.phase}: phases move forward"
            )
        if status.state is not None or not status.phase.is_terminal:
            self._raw = self._codec.encode(status.state)
        self.phase, self.phase_version = status.phase, status.details.phase_version
        return status

    async def start(
        self,
        executor: Executor[Any, S],
        template: TaskTemplate,
        spec: Any = None,
        inputs: LiteralMap | None = None,
    ) -> TaskStatus[S]:
        """Call `start_task` and commit what it returns."""
        self._inputs = inputs or LiteralMap()
        return self.commit(await executor.start_task(self, template, spec, self._inputs))

    async def check(self, executor: Executor[Any, S]) -> TaskStatus[S]:
        """Call `check_task_status` and commit what it returns."""
        return self.commit(await executor.check_task_status(self))

    @property
    def task_execution_id(self) -> TaskExecutionId:
        return TaskExecutionId(attempt=self._id, generated_name=self._name)

    @property
    def owner_id(self) -> str:
        return self._id.execution.name

    @property
    def namespace(self) -> str:
        return f"{self._id.execution.project}-{self._id.execution.domain}"

    @property
    def labels(self) -> Mapping[str, str]:
        return {"execution-id": self.owner_id, "node-id": self._id.node_id}

    @property
    def annotations(self) -> Mapping[str, str]:
        return {}

    @property
    def attempt(self) -> int:
        return self._id.attempt

    @property
    def inputs_file(self) -> Path:
        return self.data_dir / "inputs.pb"

    @property
    def outputs_file(self) -> Path:
        return self.data_dir / "outputs.pb"

    @property
    def error_file(self) -> Path:
        return self.data_dir / "error.pb"

    @property
    def raw_output_prefix(self) -> str:
        return (self.data_dir / "raw").as_uri()

    @property
    def custom_state(self) -> S | None:
        return None if self._raw is None else self._codec.decode(self._raw)

    @property
    def state(self) -> S:
        if self._raw is None:
            raise errors.BugError(f"{self._id} has no custom state yet: only a committed status brings one")
        return self._codec.decode(self._raw)

    @property
    def wake(self) -> Callable[[], None]:
        return self._wake

    async def once(
        self,
        key: str,
        submit: Callable[[str], Awaitable[R]],
        find: Callable[[str], Awaitable[R | None]] | None = None,
    ) -> R:
        known = self.intents.get(key)
        if known is not None and known.is_done:
            return copy.deepcopy(known.result)  # pyright: ignore[reportReturnType] - what submit returned, as JSON
        token = f"{self._name}-{key}"
        self.intents[key] = Intent(token=token, is_done=False)
        result = None
        if known is not None:
            if find is None:
                raise errors.MayHaveHappenedError(key, token)
            result = await find(token)
        if result is None:
            result = await submit(token)
        kept = msgspec.json.decode(msgspec.json.encode(result))
        self.intents[key] = Intent(token=token, is_done=True, result=kept)
        return kept

    async def write_inputs(self) -> Path:
        self.inputs_file.write_bytes(self._inputs.SerializeToString())
        return self.inputs_file

    def _wake(self) -> None:
        self.wake_count += 1


def _ranked(phases: Iterable[Iterable[AttemptPhase]]) -> dict[AttemptPhase, int]:
    return {phase: rank for rank, group in enumerate(phases) for phase in group}


_RANKS = _ranked(
    (
        (AttemptPhase.STARTING, AttemptPhase.WAITING_FOR_RESOURCES),
        (AttemptPhase.QUEUED,),
        (AttemptPhase.INITIALIZING,),
        (AttemptPhase.RUNNING, AttemptPhase.KILLING),
        (AttemptPhase.SUCCEEDED, AttemptPhase.RETRYABLE_FAILED, AttemptPhase.FAILED, AttemptPhase.ABORTED),
    )
)
