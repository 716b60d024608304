"""A control plane on flyteidl's messages over a store in memory, beside an engine that only takes notes."""

from collections.abc import Iterable, Sequence

import msgspec

from elevon import errors
from elevon.admin.executions import NewExecution
from elevon.admin.rosters import Roster
from elevon.admin.wire.admin_services import AdminService
from elevon.admin.wire.extensions import Extensions, Registration
from elevon.admin.wire.news import News
from elevon.admin.wire.operations import Operations
from elevon.idl import identifiers, literals
from elevon.idl.admin_messages import ExecutionCreateRequest, LaunchPlan
from elevon.plugin import registry as registries
from elevon.primitives.figures import EngineFigures
from elevon.records.identities import AttemptId, ExecutionId
from elevon.stores.memory import MemoryStateStore
from elevon.tasktypes.echo.executor import EchoExecutor
from elevon.tasktypes.sleep.executor import SleepExecutor
from tests.unit.admin import specimens


class NotingEngines:
    """Remembers what it is asked for.

    Attributes:
        taken_up: Executions that it was told to drive.
        resumed: Executions that it was told to go on with.
        removed: Executions whose files it was told to remove.
        heed_count: How often it was told to look.
        alive: Engines that live.
        known: Task types that it serves; None for all.
        is_unable: Whether no executor can be had.
        logs: What attempts wrote, by stream.
    """

    def __init__(self) -> None:
        self.taken_up: list[ExecutionId] = []
        self.resumed: list[ExecutionId] = []
        self.removed: list[ExecutionId] = []
        self.heed_count = 0
        self.alive: set[str] = set()
        self.known: frozenset[str] | None = None
        self.is_unable = False
        self.logs: dict[tuple[AttemptId, str], bytes] = {}

    async def task_types(self, wanted: Iterable[str]) -> frozenset[str] | None:
        return self.known

    async def ensure_served(self, new: NewExecution) -> None:
        if self.is_unable:
            raise errors.UnavailableError("executor 'python' could not be initialized")

    def take_up(self, execution: ExecutionId) -> None:
        self.taken_up.append(execution)

    def resume(self, execution: ExecutionId) -> None:
        self.resumed.append(execution)

    async def remove_files(self, execution: ExecutionId) -> None:
        self.removed.append(execution)

    async def heed(self) -> None:
        self.heed_count += 1

    def is_alive(self, engine_id: str) -> bool:
        return engine_id in self.alive

    async def streams(self, attempt: AttemptId) -> tuple[str, ...]:
        return tuple(stream for known, stream in self.logs if known == attempt)

    async def read_log(self, attempt: AttemptId, stream: str, offset: int, limit: int) -> bytes:
        return self.logs.get((attempt, stream), b"")[offset : offset + limit]


class TwoExecutors:
    """An engine that has the executors `echo` and `sleep`, and has measured nothing."""

    def __init__(self) -> None:
        self.registry = registries.Registry.of([EchoExecutor(), SleepExecutor()])

    def origin_of(self, registration: registries.Registration) -> str:
        return f"the package of {registration.id}"

    def figures(self) -> Sequence[EngineFigures]:
        return ()


class WireWorld(specimens.World):
    """The control plane as a transport has it."""

    def __init__(self, store_type: type[MemoryStateStore] = MemoryStateStore) -> None:
        super().__init__(store_type)
        self.engines = NotingEngines()
        self.news = News()
        self.service = AdminService(self.admin, self.engines, max_parallelism=7)
        self.extensions = Extensions(self.admin, self.engines, self.news)
        roster = Roster(TwoExecutors(), self.admin.drains)
        self.operations = Operations(self.admin, self.engines, roster)

    async def register(self, flow: object = specimens.both, **changes: object) -> LaunchPlan:
        """A launch plan of a workflow."""
        return await self.extensions.register(msgspec.structs.replace(registration(flow), **changes))


def registration(flow: object = specimens.both) -> Registration:
    """What a client sends of a workflow."""
    new = specimens.prepare(flow)
    return Registration(
        closure=new.closure.SerializeToString(deterministic=True),
        default_inputs=new.parameters.SerializeToString(deterministic=True),
        code=b"code",
        source_path="/a/b.py",
    )


def creation(plan: LaunchPlan, name: str = "a1", **given: int) -> ExecutionCreateRequest:
    """A request to start a launch plan; x is 1 unless given."""
    inputs = literals.literal_map({key: literals.integer(value) for key, value in {"x": 1, **given}.items()})
    request = ExecutionCreateRequest(project="default", domain="development", name=name, inputs=inputs)
    request.spec.launch_plan.CopyFrom(plan.id)
    return request


IDENTIFIER = identifiers.execution("a1", project="default", domain="development")
