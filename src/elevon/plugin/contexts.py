"""What an executor is given: once at its set-up, and with each call for one task execution.

The engine implements these Protocols; the conformance kit and tests implement them too. An executor keeps nothing
of a context beyond the call, except `wake`.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, Generic, Protocol, TypeAlias, TypeVar, Unpack

import msgspec

from elevon import errors, ports
from elevon.idl.messages import LiteralMap, Resources, SecurityContext
from elevon.plugin.caches import AutoRefreshCache, CacheOptions, OpenCaches, Sync
from elevon.plugin.metering import NO_METRICS, Metrics
from elevon.plugin.pools import NO_POOLS, ResourcePools
from elevon.primitives import secret_names
from elevon.records.identities import AttemptId, ExecutionId
from elevon.records.phases import AttemptPhase
from elevon.records.resources import Manifest, ResourceChanges, ResourceKey, ResourceKind, kind_of
from elevon.records.standings import ExecutionStanding

# What JSON can hold. The string form is what a recursive alias needs before Python 3.12.
Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"

C = TypeVar("C")
S_co = TypeVar("S_co", covariant=True)
T = TypeVar("T")
R = TypeVar("R", bound="Json")


class _NoSecrets:
    async def get(self, group: str, key: str, version: str = "") -> str:
        raise errors.NotFoundError(
            f"there is no secret {secret_names.describe(group, key, version)}: no place for secrets is known here"
        )


NO_SECRETS: Final[ports.SecretStore] = _NoSecrets()


class _NoCluster:
    async def create(self, resource: Manifest) -> Manifest:
        raise self._missing(kind_of(resource))

    async def get(self, key: ResourceKey) -> Manifest | None:
        raise self._missing(key.kind)

    async def list(self, kind: ResourceKind, labels: Mapping[str, str]) -> Sequence[Manifest]:
        raise self._missing(kind)

    async def patch(self, key: ResourceKey, patch: Manifest) -> Manifest:
        raise self._missing(key.kind)

    async def delete(self, key: ResourceKey, uid: str = "", grace: timedelta | None = None) -> None:
        raise self._missing(key.kind)

    async def watch(
        self,
        kind: ResourceKind,
        labels: Mapping[str, str],
        after: str,
        patience: timedelta,
    ) -> ResourceChanges:
        raise self._missing(kind)

    def _missing(self, kind: ResourceKind) -> errors.UserError:
        return errors.UserError(f"there is no cluster for resources of the kind {kind}: none is known here")


NO_CLUSTER: Final[ports.ClusterApi] = _NoCluster()


class _NoControlPlane:
    async def get_many(self, executions: Sequence[ExecutionId]) -> Sequence[ExecutionStanding | None]:
        raise self._missing(executions[0] if executions else None)

    async def terminate(self, execution: ExecutionId, by: str, cause: str) -> None:
        raise self._missing(execution)

    def _missing(self, execution: ExecutionId | None) -> errors.UserError:
        of = "" if execution is None else f" execution {execution} and"
        return errors.UserError(f"there is no control plane to ask for{of} others: none is known here")


NO_CONTROL_PLANE: Final[ports.ControlPlane] = _NoControlPlane()


class SetupContext(msgspec.Struct, Generic[C], frozen=True, kw_only=True):
    """What outlives single calls; handed to `Executor.initialize`.

    Attributes:
        config: The executor's typed configuration.
        clock: The only source of time.
        blobs: Files by URI.
        state_dir: A directory of this executor's own, for files that are not truth.
        secrets: Secrets by group and key. What it gives is masked in all that the engine writes down; a custom state
            or a result of `once` that holds it is refused.
        metrics: Counts and measures under the executor's id.
        pools: Tokens of quotas that all engines of the home share.
        cluster: Resources of a cluster, for `K8sExecutor` and whoever else works with them.
        control_plane: Executions, for whoever waits for others or ends them.
        caches: Those that `make_cache` made; they are closed after the executor.
    """

    config: C
    clock: ports.Clock
    blobs: ports.BlobStore
    state_dir: Path
    secrets: ports.SecretStore = NO_SECRETS
    metrics: Metrics = NO_METRICS
    pools: ResourcePools = NO_POOLS
    cluster: ports.ClusterApi = NO_CLUSTER
    control_plane: ports.ControlPlane = NO_CONTROL_PLANE
    caches: OpenCaches = msgspec.field(default_factory=OpenCaches)

    def make_cache(self, name: str, sync: Sync[T], **options: Unpack[CacheOptions[T]]) -> AutoRefreshCache[T]:
        """A cache on this clock and with these metrics; it is started, and closed after the executor.

        Args:
            name: An identifier for metrics and logs, unique in the executor.
            sync: Asks the service about a batch of items.
            options: See `CacheOptions`.

        Raises:
            BugError: The name is taken, or it or an option makes no sense.
        """
        cache = AutoRefreshCache(name, sync, clock=self.clock, metrics=self.metrics, **options)
        self.caches.start(name, cache)
        return cache


class TaskExecutionId(msgspec.Struct, frozen=True, kw_only=True):
    """The identity of one task execution.

    Attributes:
        attempt: Execution, node and attempt.
        generated_name: Deterministic, unique, valid as a name in Kubernetes, at most
            `ExecutorProperties.generated_name_max_length` characters: the handle under which to create things outside.
    """

    attempt: AttemptId
    generated_name: str


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    """One effect of `TaskContext.once`, as it is known to be durable.

    Attributes:
        token: The deterministic name under which the effect was or would have been carried out.
        is_done: Whether its result was committed; otherwise the effect may have happened.
        result: What `submit` or `find` returned, as JSON data; None while `is_done` is False.
    """

    token: str
    is_done: bool
    result: Json = None


class Overrides(msgspec.Struct, frozen=True, kw_only=True):
    """What the task and its node ask for, the node's wish first.

    Attributes:
        resources: Requests and limits.
        config: `TaskTemplate.config`.
    """

    resources: Resources
    config: Mapping[str, str]


class Launch(msgspec.Struct, frozen=True, kw_only=True):
    """What an executor changes of the job that the template describes.

    Attributes:
        args: Command and arguments in place of the template's, with the same placeholders (`{{.input}}`,
            `{{.outputPrefix}}`, ...); None for the template's own.
        inputs: Inputs in place of the node's; None for the node's own.
        environment: Variables on top of the template's.
    """

    args: tuple[str, ...] | None = None
    inputs: LiteralMap | None = None
    environment: Mapping[str, str] = {}


AS_DESCRIBED = Launch()


class TaskLauncher(Protocol):
    """Runs what user code the template holds, for this attempt; every call is idempotent.

    The engine knows the template and the inputs, so a check needs neither: a job whose process went down with the
    engine is run again by `poll`. What an executor changes of the job it passes to both, so it keeps in its state
    what it needs to say the same again. A job that finds no free slot waits in the launcher's queue. A job that the
    system has failed (a process killed from outside, a full disk) is told once and begun anew by the next call:
    `status_of_job` turns it into an error, so that the engine makes that call.
    """

    async def start(self, launch: Launch = AS_DESCRIBED, grace: timedelta = timedelta(0)) -> ports.JobStatus:
        """Start the Python entrypoint or the container command.

        Args:
            launch: What differs from the template.
            grace: How long to wait for the end of the job, so that a short one needs no check.

        Raises:
            UserError: It can never run: a command that does not exist, more slots than there are.
        """
        ...

    async def poll(self, launch: Launch = AS_DESCRIBED) -> ports.JobStatus:
        """Where it stands; starts it if the launcher does not know it, as after a restart of the engine."""
        ...

    async def kill(self) -> None:
        """End it and everything it started."""
        ...


class TaskContext(Protocol[S_co]):
    """One task execution, as of this call."""

    @property
    def task_execution_id(self) -> TaskExecutionId:
        """Who it is."""
        ...

    @property
    def owner_id(self) -> str:
        """Name of the execution that owns it."""
        ...

    @property
    def namespace(self) -> str:
        """`<project>-<domain>`."""
        ...

    @property
    def labels(self) -> Mapping[str, str]:
        """Labels for whatever is created outside."""
        ...

    @property
    def annotations(self) -> Mapping[str, str]:
        """Annotations for whatever is created outside."""
        ...

    @property
    def overrides(self) -> Overrides:
        """Resources and configuration that the task asks for."""
        ...

    @property
    def security_context(self) -> SecurityContext:
        """Whom the task runs as, and the secrets that it asks for."""
        ...

    @property
    def environment(self) -> Mapping[str, str]:
        """Variables for a process that does the task's work, under Flyte's names; without those of the template."""
        ...

    @property
    def setup(self) -> SetupContext[Any]:
        """What the executor was initialized with: configuration, clock, blobs."""
        ...

    @property
    def attempt(self) -> int:
        """Index of the attempt, from 0."""
        ...

    @property
    def data_dir(self) -> Path:
        """The attempt's own directory."""
        ...

    @property
    def inputs_file(self) -> Path:
        """Where `inputs.pb` stands once `write_inputs` was awaited."""
        ...

    @property
    def outputs_file(self) -> Path:
        """Where whoever runs the task leaves `outputs.pb`."""
        ...

    @property
    def error_file(self) -> Path:
        """Where whoever runs the task leaves `error.pb`."""
        ...

    @property
    def raw_output_prefix(self) -> str:
        """URI below which the task's own files go."""
        ...

    @property
    def checkpoint_prefix(self) -> str:
        """Path below which this attempt's checkpoints go, for whoever runs the task."""
        ...

    @property
    def previous_checkpoint_prefix(self) -> str | None:
        """Path below which the checkpoints of the attempt before are; None for the first attempt."""
        ...

    @property
    def phase(self) -> AttemptPhase:
        """The last committed phase."""
        ...

    @property
    def phase_version(self) -> int:
        """The last committed phase version."""
        ...

    @property
    def custom_state(self) -> S_co | None:
        """The last committed state, freshly decoded; None if no status was ever committed."""
        ...

    @property
    def state(self) -> S_co:
        """`custom_state` where there must be one: always in `check_task_status`.

        Raises:
            BugError: No status was ever committed.
        """
        ...

    @property
    def intents(self) -> Mapping[str, Intent]:
        """What `once` has begun or done for this attempt, by key.

        `kill_task` and `finalize_task` read it to find effects that no committed state tells of.
        """
        ...

    @property
    def start_may_have_happened(self) -> bool:
        """In `start_task`: an earlier start returned no status, so its effects may stand."""
        ...

    @property
    def now(self) -> datetime:
        """The engine's time of this call."""
        ...

    @property
    def wake(self) -> Callable[[], None]:
        """Call it, from any thread, when there is news; it may be kept, and is dead after the attempt."""
        ...

    @property
    def launcher(self) -> TaskLauncher:
        """Runs the template's user code."""
        ...

    async def once(
        self,
        key: str,
        submit: Callable[[str], Awaitable[R]],
        find: Callable[[str], Awaitable[R | None]] | None = None,
    ) -> R:
        """Carry an effect out at most once, knowingly, through any crash.

        The intent is committed before `submit(token)` runs, and its result after. A committed result is returned
        without a call. An intent without a result first asks `find(token)`. What is still under way when the call
        of the executor ends, because something beside it raised, is cancelled and leaves its intent.

        Args:
            key: Names the effect within this attempt.
            submit: Carries it out under the token; its result must survive JSON. If it raises, the intent
                stands: the next call asks `find` first.
            find: Returns the result if the token is known outside, None if it surely is not. An effect that has
                a `find` therefore returns something other than None.

        Raises:
            MayHaveHappenedError: An intent without a result and without a `find`.
            CorruptStateError: The result is not JSON.
        """
        ...

    async def write_inputs(self) -> Path:
        """Write `inputs.pb` for whoever needs a file, and return its path."""
        ...

    async def write_code(self) -> Path | None:
        """Write the user's code as the execution was started with it, for a process that is not the launcher's.

        Returns:
            Its path, which `elevon-execute` is told by the variable `ELEVON_CODE`; None for an execution without code.
        """
        ...
