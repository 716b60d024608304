"""What the engine needs of the world, as Protocols without code.

Adapters live in `stores`, `blobs`, `workers` and `primitives`; the composition root picks them. No third-party
exception crosses a port: an adapter raises classes of `elevon.errors` only.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

import msgspec

from elevon.records.changes import Change
from elevon.records.drains import Drain
from elevon.records.executions import ExecutionHeading, ExecutionRecord
from elevon.records.failures import Failure
from elevon.records.identities import AttemptId, ExecutionId
from elevon.records.launch_plans import LaunchPlanId, LaunchPlanRecord
from elevon.records.leases import Lease, Request
from elevon.records.nodes import NodeRecord
from elevon.records.phases import ExecutionPhase
from elevon.records.resources import Manifest, ResourceChanges, ResourceKey, ResourceKind
from elevon.records.snapshots import ChangedNodes, NodePlace, StoredExecution, StoredNodes
from elevon.records.standings import ExecutionStanding
from elevon.records.tokens import Allocation, PoolLimits, Token
from elevon.records.transitions import Transition


class Clock(Protocol):
    """The only source of time; simulated in tests."""

    def now(self) -> datetime:
        """The instant, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after that many seconds of this clock."""
        ...


class StateStore(Protocol):
    """Durable rows of executions. One contract suite (`tests/contract`) says what every adapter does.

    Every method that writes returns after the write is durable, and raises `UnavailableError` if it is not
    (disk full, locked, closed); after such an error nothing of that write is visible.
    """

    async def open(self) -> None:
        """Make it usable: create or migrate the schema; `CorruptStateError` for a damaged or newer one."""
        ...

    async def close(self) -> None:
        """Finish what was handed in, then release everything; idempotent."""
        ...

    async def create_execution(
        self, record: ExecutionRecord, artifacts: Mapping[str, bytes], nodes: Sequence[NodeRecord] = ()
    ) -> None:
        """Write a new execution with the artifacts it refers to, in one transaction.

        Args:
            record: The execution.
            artifacts: Contents by their digests.
            nodes: Nodes that it takes over from another execution (phase RECOVERED, with outputs).

        Raises:
            ConflictError: An execution of that id exists.
        """
        ...

    def commit(self, lease: Lease, changes: Sequence[Change]) -> asyncio.Future[None]:
        """Write the changes of an execution in one transaction; upserts, except for appended transitions.

        The batch is handed in by the call and durable when the future is done. Batches of one lease become durable in
        the order of the calls; concurrent batches share one commit. A batch that was handed in before an earlier one
        of its lease was answered fails with it, so that nothing is built on what was lost. Cancelling the future
        does not take the batch back.

        Raises:
            ConflictError: The lease's fencing number is no longer the newest, or the execution was deleted.
        """
        ...

    async def load_execution(self, execution: ExecutionId) -> StoredExecution:
        """All current rows; `NotFoundError` if there is none, `CorruptStateError` for rows of a newer elevon."""
        ...

    async def load_nodes(self, execution: ExecutionId, node_ids: Sequence[str]) -> StoredNodes:
        """The current rows of some nodes, by id; `NotFoundError` if there is no such execution."""
        ...

    async def load_changes(self, execution: ExecutionId, after: int, limit: int) -> ChangedNodes:
        """How all stands now that history tells of in its next `limit` rows behind `after`; one consistent look.

        It reads no more than these rows and what they are about; `NotFoundError` if there is no such execution.
        """
        ...

    async def list_nodes(
        self, execution: ExecutionId, parent: str, limit: int, behind: NodePlace | None = None
    ) -> Sequence[NodeRecord]:
        """Those that run under one node, or at the top for an empty id, by their start and then by id; so many.

        With `behind` only those that come behind that place, whether or not there is a node at it. `NotFoundError` if
        there is no such execution.
        """
        ...

    async def get_execution(self, execution: ExecutionId) -> ExecutionRecord:
        """Its current record; `NotFoundError` if there is none."""
        ...

    async def get_executions(self, executions: Sequence[ExecutionId]) -> Sequence[ExecutionRecord | None]:
        """Their current records in one look, in the order of the ids; None for each that there is not."""
        ...

    async def list_executions(
        self,
        phases: frozenset[ExecutionPhase] = frozenset(),
        limit: int = 0,
        behind: ExecutionId | None = None,
    ) -> Sequence[ExecutionRecord]:
        """Newest first; only those in one of the phases, if any are given; at most `limit`, if not 0.

        With `behind` only those that come behind that one in the list of all; `NotFoundError` if it is not there.
        """
        ...

    async def find_executions(self, project: str, domain: str, beginning: str) -> Sequence[ExecutionId]:
        """Those whose name begins so, newest first."""
        ...

    async def list_unowned(self, now: datetime) -> Sequence[ExecutionHeading]:
        """The unfinished ones that no live owner has, oldest first."""
        ...

    async def list_transitions(
        self, execution: ExecutionId, after: int = 0, node_id: str | None = None
    ) -> Sequence[tuple[int, Transition]]:
        """History in order, each row with its sequence number, from behind `after`; of one node, if given."""
        ...

    async def delete_execution(self, execution: ExecutionId) -> None:
        """Remove its rows, and artifacts that nothing else refers to; `NotFoundError`, `ConflictError` while leased."""
        ...

    async def put_artifact(self, execution: ExecutionId, digest: str, content: bytes) -> None:
        """Keep content under its digest for an execution; repeating it is free.

        Raises:
            NotFoundError: There is no such execution.
        """
        ...

    async def get_artifact(self, digest: str) -> bytes:
        """The content; `NotFoundError` if there is none."""
        ...

    async def put_launch_plan(self, record: LaunchPlanRecord, artifacts: Mapping[str, bytes]) -> None:
        """Keep it, with the artifacts that it refers to; repeating it is free.

        Raises:
            ConflictError: There is one of that id that says something else.
        """
        ...

    async def get_launch_plan(self, plan: LaunchPlanId) -> LaunchPlanRecord:
        """The one of that id, or the newest of its name if its version is empty; `NotFoundError` if there is none."""
        ...

    async def prune_launch_plans(self, before: datetime) -> Sequence[LaunchPlanId]:
        """Remove those that were registered before an instant and that nothing refers to; returns which, in order.

        An execution that runs the same closure refers to one, and so does its name if it is the newest of that name.
        Artifacts that nothing else refers to go with them.
        """
        ...

    async def acquire_lease(
        self, execution: ExecutionId, owner: str, expires_at: datetime, now: datetime
    ) -> Lease | None:
        """Take the execution over with a higher fencing number; None while another live owner has it.

        An owner is alive until its lease expires, or until the adapter can prove that it is dead. Fencing numbers
        grow over all executions of a store. An owner that takes what it holds fences its former self.
        """
        ...

    async def renew_leases(self, owner: str, expires_at: datetime) -> Sequence[Lease]:
        """Extend all leases of an owner; returns those that it still holds."""
        ...

    async def release_lease(self, lease: Lease) -> None:
        """Give it back; a lease that was taken over is left alone."""
        ...

    async def get_lease(self, execution: ExecutionId) -> Lease | None:
        """Who owns it now, live or not."""
        ...

    async def put_request(self, request: Request) -> None:
        """Ask something of the owner; repeating it is free. `NotFoundError` if there is no such execution.

        The first request of a kind for an attempt (or for the execution itself) stands until it is removed.
        """
        ...

    async def list_requests(self, owner: str) -> Sequence[Request]:
        """Requests for the executions that this owner holds now, in order of kind, node and attempt for each."""
        ...

    async def remove_request(self, request: Request) -> None:
        """Drop what has been obeyed durably, so that the same can be asked again; what is gone already is fine."""
        ...

    async def put_drain(self, drain: Drain) -> None:
        """Have no more attempts of a type started; replaces what was asked of that type before."""
        ...

    async def remove_drain(self, task_type: str) -> bool:
        """Have a type started again; False if it was not drained."""
        ...

    async def list_drains(self) -> Sequence[Drain]:
        """The types of which nothing is started, in order."""
        ...

    async def allocate_token(self, token: Token, limits: PoolLimits) -> Allocation:
        """Grant a token, or put it at the end of its pool's queue; repeating it asks again from the same place.

        Who asked first is served first. Who could not be served anyway, because its namespace is at its limit, holds
        up nobody; nor does who will not ask again for now, because no live engine drives its execution or because it
        is parked. A token goes when it is released, with the commit of its owner's end, or with its execution.

        Raises:
            NotFoundError: There is no such execution.
            ConflictError: The owner has ended, or was never begun.
        """
        ...

    async def release_token(self, pool: str, name: str) -> None:
        """Give a token back, or its place in the queue; one that is not there is fine."""
        ...

    async def list_tokens(self, pool: str = "") -> Sequence[Token]:
        """Tokens held and waited for, of one pool or of all, by pool and in order of the first asking."""
        ...


class BlobStore(Protocol):
    """Files by URI: what is too large for a row, and what users hand on by reference."""

    async def put(self, uri: str, content: bytes) -> None:
        """Write it durably; readers see the old or the new content, never a part."""
        ...

    async def get(self, uri: str) -> bytes:
        """The content; `NotFoundError` if there is none."""
        ...

    async def delete_prefix(self, uri: str) -> None:
        """Remove everything below; nothing there is fine."""
        ...


class SecretStore(Protocol):
    """Secrets by group and key, from wherever an operator keeps them; may be used from any loop."""

    async def get(self, group: str, key: str, version: str = "") -> str:
        """The value, without white space around it; read anew at each call.

        Raises:
            NotFoundError: There is none; names the group, the key and where it was looked for.
            UnavailableError: It can't be read now.
        """
        ...


class JobSecret(msgspec.Struct, frozen=True, kw_only=True):
    """A secret that a job is given, and how.

    Attributes:
        group: Its group.
        key: Its key.
        group_version: Its version; empty for none.
        value: The secret itself.
        is_file: Whether the job finds it in a file; otherwise in a variable.
        env_var: A further variable: with the value, or with the path of the file; empty for none.
    """

    group: str
    key: str
    group_version: str = ""
    value: str
    is_file: bool = False
    env_var: str = ""

    def __repr__(self) -> str:
        return f"JobSecret(group={self.group!r}, key={self.key!r})"


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What a launcher runs for one attempt: a container's command, or a Python entrypoint in a warm worker.

    Attributes:
        id: Whose job it is.
        name: The attempt's generated name; start, poll and kill go by it.
        args: Command and arguments, placeholders replaced; empty with an entrypoint.
        entrypoint: `(module, name)` of a Python task, if `args` is elevon's own entrypoint; runs warm.
        code_digest: The artifact with the user's code; empty for none.
        inputs: Serialized `LiteralMap`.
        environment: Variables of the template and the execution.
        secrets: What it is given beside them; its captured output is masked.
        cpu_slots: How many slots it takes.
        memory_bytes: Limit on resident memory; 0 for none.
        data_dir: The attempt's own directory, `inputs.pb`, `outputs.pb`, `error.pb` and the captured output in it.
        raw_output_prefix: Where user files go.
    """

    id: AttemptId
    name: str
    args: tuple[str, ...]
    entrypoint: tuple[str, str] | None = None
    code_digest: str = ""
    inputs: bytes = b""
    environment: dict[str, str] = {}
    secrets: tuple[JobSecret, ...] = ()
    cpu_slots: int = 1
    memory_bytes: int = 0
    data_dir: Path
    raw_output_prefix: str = ""


class JobResult(msgspec.Struct, frozen=True, kw_only=True):
    """How a job ended.

    Attributes:
        outputs: Serialized `LiteralMap`; None if it failed, or gave futures instead.
        futures: Serialized `DynamicJobSpec` that it gave instead of outputs.
        failure: Why it failed; None if it succeeded.
        exit_code: Of the process, where there was one of its own.
    """

    outputs: bytes | None = None
    futures: bytes | None = None
    failure: Failure | None = None
    exit_code: int | None = None


class JobStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Where a job stands.

    Attributes:
        is_known: Whether this launcher has the job; False after a restart, or before it was started.
        is_started: Whether it left the launcher's queue.
        is_restarted: The job was begun anew in this call: what it had run before is lost.
        result: Set once it has ended.
    """

    is_known: bool = True
    is_started: bool = False
    is_restarted: bool = False
    result: JobResult | None = None


class Launcher(Protocol):
    """Runs jobs as processes on this machine (or as pods elsewhere). Idempotent by the job's name.

    A job's processes are owned: they end with the engine, also when it is killed, unless they can be re-adopted.
    A job holds its slots, and its worker, until it is forgotten or killed: the engine forgets it after the commit of
    its end, so that a `kill -9` repeats at most the one finished task of each worker.

    An end that is a fault of the system is told once: with that the slots are free, the job is unknown, and the next
    start begins it anew. One that has had too many of them is told as a failure that is not recoverable.
    """

    @property
    def slot_count(self) -> int:
        """How many slots there are at all."""
        ...

    async def start(self, job: Job, wake: Callable[[], None], grace: timedelta = timedelta(0)) -> JobStatus:
        """Start it, or find it started; `wake` is called from any thread when its status has changed.

        Waits up to `grace` for its end, so that a short job needs no second call.

        Raises:
            UserError: It can never run: more slots than there are, a command that does not exist.
        """
        ...

    async def poll(self, name: str) -> JobStatus:
        """Where it stands; `is_known` False for a job that is to be started, for the first time or anew."""
        ...

    async def kill(self, name: str) -> None:
        """End it and everything it started, free its slots, and return when it is gone; an unknown job is fine.

        What has ended keeps its result, what has not gets a failure; either is known until it is forgotten.
        """
        ...

    def forget(self, name: str) -> None:
        """End it if it still runs, and drop what is kept of it; its slots are free when it is gone.

        From now on it is unknown; an unknown job is fine.
        """
        ...

    async def close(self) -> None:
        """End all jobs and all processes."""
        ...


class ProcessCommand(msgspec.Struct, frozen=True, kw_only=True):
    """What to start as a process of the engine's own, and on which descriptors.

    Attributes:
        args: Program and arguments.
        environment: All of it.
        cwd: Working directory; None for the engine's.
        streams: Descriptors of stdin, stdout and stderr.
        passed_fds: Further descriptors that it keeps.
        holds_lock: Whether it holds the engine's lock too: no other engine takes over while it lives.
        may_scatter: Whether its children may leave its group; at its end they are looked for, among all processes.
    """

    args: Sequence[str]
    environment: Mapping[str, str]
    cwd: Path | None = None
    streams: tuple[int, int, int]
    passed_fds: tuple[int, ...] = ()
    holds_lock: bool = False
    may_scatter: bool = False


class OwnedProcess(Protocol):
    """A process that ends with the engine, also when that is killed, and all that stays in its group with it."""

    @property
    def pid(self) -> int:
        """Its id; nobody else's before `exit_code` is set."""
        ...

    @property
    def exit_code(self) -> int | None:
        """Set once it has ended; negative for a signal."""
        ...

    @property
    def ending(self) -> str:
        """How it ended, in words that follow its name: `exited with code 3`."""
        ...

    def kill(self) -> None:
        """Send SIGKILL to the group, at once; after the leader's end this does nothing."""
        ...

    async def wait_gone(self, clock: Clock) -> None:
        """Return when no process of the group is left."""
        ...

    def leader_resident_bytes(self) -> int:
        """Memory in use by the process alone; 0 if it has ended."""
        ...


class ProcessOwner(Protocol):
    """Starts processes such that none outlives the engine."""

    def spawn(self, command: ProcessCommand, on_exit: Callable[[OwnedProcess], None]) -> OwnedProcess:
        """Start one.

        Args:
            command: What to start.
            on_exit: Called in the loop when it has ended and the rest of its group was killed.

        Raises:
            UnavailableError: The system can start no process now.
        """
        ...


class ClusterApi(Protocol):
    """Resources of a cluster, as manifests in plain JSON.

    It is what executors need of Kubernetes and no more: creation by name, reading, a merge patch, deletion with
    finalizers, and news. Owner references are the adapter's, which alone knows what in the cluster owns an execution.
    """

    async def create(self, resource: Manifest) -> Manifest:
        """Make a resource and return it with what the cluster has added: `uid`, `creationTimestamp`, a status.

        Raises:
            ConflictError: The name is taken.
            QuotaError: There is no room for it now.
            UserError: The cluster refuses what the manifest says.
        """
        ...

    async def get(self, key: ResourceKey) -> Manifest | None:
        """The resource as it is now; None if there is none."""
        ...

    async def list(self, kind: ResourceKind, labels: Mapping[str, str]) -> Sequence[Manifest]:
        """Those of a kind that carry all the labels, in whichever namespace."""
        ...

    async def patch(self, key: ResourceKey, patch: Manifest) -> Manifest:
        """Change a resource by a JSON merge patch (RFC 7396), and return it.

        What is being deleted goes with its last finalizer. The status is not changed.

        Raises:
            NotFoundError: There is none.
            ConflictError: The patch names a `metadata.resourceVersion` that is not the newest.
        """
        ...

    async def delete(self, key: ResourceKey, uid: str = "", grace: timedelta | None = None) -> None:
        """Ask for the end of a resource; it is gone when it has ended and no finalizer holds it.

        Repeating it is free, and so is asking for what is not there.

        Args:
            key: Which.
            uid: Only if it is this one; empty for any of that name.
            grace: How long what runs for it may take to end by itself; None for what the resource says.
        """
        ...

    async def watch(
        self, kind: ResourceKind, labels: Mapping[str, str], after: str, patience: timedelta
    ) -> ResourceChanges:
        """Wait for news of those of a kind that carry all the labels, and return it.

        Called over and over, each time with the cursor of the answer before: no change is left out, however long
        nobody asked. Changes of one resource may come as one.

        Args:
            kind: Which kind.
            labels: What they carry.
            after: The cursor; empty for all that there are, at once. So is the answer to a cursor that is too old.
            patience: Return after that, with nothing, if there is no news.
        """
        ...


class ControlPlane(Protocol):
    """Executions, as executors reach them: where each stands, and the end of one.

    It is what executors need of a control plane and no more, so that one elsewhere fits: a page of `get_many` is one
    list call of Flyte's admin, and `terminate` its call of that name.
    """

    async def get_many(self, executions: Sequence[ExecutionId]) -> Sequence[ExecutionStanding | None]:
        """Where they stand, in the order of the ids, in one call; None for each that there is not.

        Args:
            executions: At most some hundred, as many as a page of the control plane holds.

        Raises:
            UnavailableError: It does not answer now.
        """
        ...

    async def terminate(self, execution: ExecutionId, by: str, cause: str) -> None:
        """Ask for its end; whoever drives it obeys, now or when it is next driven.

        Repeating it is free, and so is asking for the end of what has ended, or of what is not there.

        Args:
            execution: Which.
            by: Who asks, for people; a control plane that knows its callers by itself passes over it.
            cause: Why, in words.

        Raises:
            UnavailableError: It does not answer now.
        """
        ...
