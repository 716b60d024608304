"""A task execution in memory, for unit tests of an executor: call it, commit its status, call it again.

It is the engine's own context over an engine's part in memory: the state goes through the codec at every commit,
`once` keeps its intents, results go through JSON. It simulates no faults by itself; a test drops what an engine
would lose by not committing it, and `elevon plugin check` does so from a seed.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

from elevon import errors, ports
from elevon.blobs.local_files import LocalBlobStore
from elevon.idl.messages import LiteralMap, TaskTemplate
from elevon.plugin.contexts import AS_DESCRIBED, Launch, SetupContext
from elevon.plugin.executors import Executor
from elevon.plugin.invocations import AttemptPaths, Invocation, TaskFacts
from elevon.plugin.registry import Registry
from elevon.plugin.statuses import TaskStatus
from elevon.plugin.task_contexts import AttemptContext
from elevon.primitives import ids
from elevon.primitives.clocks import SystemClock
from elevon.records.answers import CallKind
from elevon.records.attempts import AttemptRecord, OnceRecord
from elevon.records.identities import AttemptId, ExecutionId
from elevon.records.phases import AttemptPhase
from elevon.testing.clocks import EPOCH

S = TypeVar("S")


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


class MemoryServices:
    """`plugin.invocations.AttemptServices` in memory.

    Attributes:
        onces: What `once` has committed.
        wake_count: How often `wake` was called.
        inputs: What `write_inputs` writes.
        code: What `write_code` writes; empty for none.
    """

    def __init__(self, launcher: ScriptedLauncher, inputs_file: Path) -> None:
        self.onces: dict[str, OnceRecord] = {}
        self.wake_count = 0
        self.inputs = LiteralMap()
        self.code = b""
        self._launcher = launcher
        self._inputs_file = inputs_file

    @property
    def wake(self) -> Callable[[], None]:
        """Counts."""
        return self._wake

    async def commit_once(self, record: OnceRecord) -> None:
        """Keep it."""
        self.onces[record.key] = record

    async def write_inputs(self) -> None:
        """Write the inputs."""
        self._inputs_file.write_bytes(self.inputs.SerializeToString())

    async def write_code(self) -> bool:
        """Write the code, if there is any."""
        if self.code:
            self._inputs_file.with_name("code.bundle").write_bytes(self.code)
        return bool(self.code)

    async def start_job(self, launch: Launch, grace: timedelta) -> ports.JobStatus:
        """The launcher's answer."""
        return await self._launcher.start(launch, grace)

    async def poll_job(self, launch: Launch) -> ports.JobStatus:
        """The launcher's answer."""
        return await self._launcher.poll(launch)

    async def kill_job(self) -> None:
        """Tell the launcher."""
        await self._launcher.kill()

    def _wake(self) -> None:
        self.wake_count += 1


class FakeTaskContext(AttemptContext[S], Generic[S]):
    """One task execution, as `elevon.plugin.TaskContext` describes it.

    Args:
        executor: Whose it is.
        data_dir: Where its files go.
        launcher: What answers for jobs.
        attempt: Index of the attempt.
        setup: What the executor was initialized with; by default the class's default configuration, the system's
            clock and local files.

    Attributes:
        now: The time; a test moves it on.
        start_may_have_happened: A test sets it.
        scripted_launcher: What answers for jobs.
        services: The engine's part.
    """

    def __init__(
        self,
        executor: Executor[Any, S] | type[Executor[Any, S]],
        data_dir: Path,
        *,
        launcher: ScriptedLauncher | None = None,
        attempt: int = 0,
        setup: SetupContext[Any] | None = None,
    ) -> None:
        cls = executor if isinstance(executor, type) else type(executor)
        (registration,) = Registry.of([cls() if isinstance(executor, type) else executor]).registrations
        paths = AttemptPaths(data_dir)
        id_ = AttemptId(ExecutionId("default", "development", "a0"), "n0", attempt)
        record = AttemptRecord(
            node_id="n0",
            attempt=attempt,
            executor_id=cls.id,
            task_type=cls.task_types[0] if cls.task_types else cls.id,
            phase=AttemptPhase.STARTING,
            queued_at=EPOCH,
        )
        invocation = Invocation(
            call=CallKind.START,
            id=id_,
            name=ids.generated_name(str(id_), cls.properties.generated_name_max_length),
            paths=paths,
            task=TaskFacts(),
            record=record,
            now=EPOCH,
        )
        self.scripted_launcher = launcher or ScriptedLauncher()
        self.services = MemoryServices(self.scripted_launcher, paths.inputs_file)
        self._state_codec = registration.implementation.codec
        super().__init__(
            msgspec.structs.replace(invocation, onces=self.services.onces),
            registration.implementation.codec,
            self.services,
            setup or _default_setup(registration.config, data_dir),
        )

    @property
    def wake_count(self) -> int:
        """How often `wake` was called."""
        return self.services.wake_count

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
        state = self._record.custom_state
        if status.state is not None or not status.phase.is_terminal:
            state = self._state_codec.encode(status.state)
        self._record = msgspec.structs.replace(
            self._record,
            phase=status.phase,
            phase_version=status.details.phase_version,
            custom_state=state,
            state_version=self._state_codec.version,
        )
        return status

    async def start(
        self,
        executor: Executor[Any, S],
        template: TaskTemplate,
        spec: Any = None,
        inputs: LiteralMap | None = None,
    ) -> TaskStatus[S]:
        """Call `start_task` and commit what it returns."""
        self.services.inputs = inputs or LiteralMap()
        return self.commit(await executor.start_task(self, template, spec, self.services.inputs))

    async def check(self, executor: Executor[Any, S]) -> TaskStatus[S]:
        """Call `check_task_status` and commit what it returns."""
        return self.commit(await executor.check_task_status(self))


def _default_setup(config: Any, data_dir: Path) -> SetupContext[Any]:
    return SetupContext(config=config, clock=SystemClock(), blobs=LocalBlobStore(), state_dir=data_dir)


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
