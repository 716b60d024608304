"""Executors that keep every promise: the twins of the wrong ones, which are made of them by changing one thing."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, ClassVar, Generic, TypeVar

import msgspec

from elevon.idl import identifiers, interfaces, literal_types, literals
from elevon.idl.messages import LiteralMap, SimpleType, TaskTemplate
from elevon.plugin import Executor, ExecutorProperties, SetupContext, TaskContext, TaskStatus
from elevon.plugin.caches import AutoRefreshCache, Item, SyncAction, SyncResponse
from elevon.testing import FakeService, Scenario, ServiceJob, Thing

S = TypeVar("S")
SOON = timedelta(seconds=10)
OUTPUTS = {"o0": literals.string("done")}


Context = TaskContext[Any]
Status = TaskStatus[Any]


def template(task_type: str = "job") -> TaskTemplate:
    """A task with one output."""
    output = interfaces.variable(literal_types.simple(SimpleType.STRING))
    return TaskTemplate(
        id=identifiers.task("corpus.job", "1", project="default", domain="development"),
        type=task_type,
        interface=interfaces.typed_interface({}, {"o0": output}),
    )


class JobState(msgspec.Struct, frozen=True):
    job: str


class JobOf(Executor[None, S], Generic[S]):
    """Runs one job of the service; its state is yet to be named."""

    id = "job"
    task_types = ("job",)
    properties = ExecutorProperties(check_after=SOON)

    def __init__(self, service: FakeService) -> None:
        self.service = service

    async def start_task(
        self, ctx: Context, template: TaskTemplate, spec: None, inputs: LiteralMap
    ) -> Status:
        return TaskStatus.queued(JobState(await ctx.once("job", self.service.create, self.service.find)))

    async def check_task_status(self, ctx: Context) -> Status:
        return self.status(await self.service.get(ctx.state.job), ctx.state)

    def status(self, job: ServiceJob, state: Any) -> Status:
        """What the standing of the job means."""
        match job.status:
            case "queued":
                return TaskStatus.queued(state)
            case "running":
                return TaskStatus.running(state)
            case "succeeded":
                return TaskStatus.succeeded(OUTPUTS)
            case other:
                return TaskStatus.permanent_failure(f"the job is {other}")

    async def kill_task(self, ctx: Context, reason: str) -> None:
        for intent in ctx.intents.values():
            job = await self.service.find(intent.token)
            if job is not None:
                await self.service.delete(job)


class Job(JobOf[JobState]):
    """With the least state."""


class StoreService(FakeService):
    """It keeps files for jobs, too."""

    def __init__(self) -> None:
        super().__init__()
        self.files: dict[str, Thing] = {}
        self.repeatable |= {"put_file", "remove_file"}

    async def put_file(self, name: str) -> None:
        """Keep a file until it is removed."""
        if name not in self.files:
            self.files[name] = self.make(f"file {name}")

    async def remove_file(self, name: str) -> None:
        """Remove a file; none there is fine."""
        if name in self.files:
            self.end(self.files.pop(name))


class StagingJob(Job):
    """Stages a file for its job, and removes it at the end, however that came."""

    id = "staging"
    service: StoreService

    async def start_task(
        self, ctx: Context, template: TaskTemplate, spec: None, inputs: LiteralMap
    ) -> Status:
        await self.service.put_file(ctx.task_execution_id.generated_name)
        return await super().start_task(ctx, template, spec, inputs)

    async def finalize_task(self, ctx: Context) -> None:
        await self.service.remove_file(ctx.task_execution_id.generated_name)


class TidyJob(Job):
    """Ends its job at every end, by its own kill."""

    id = "tidy"

    async def finalize_task(self, ctx: Context) -> None:
        await self.kill_task(ctx, "it is over")


class TwoState(msgspec.Struct, frozen=True):
    first: str
    second: str = ""


class TwoJobs(JobOf[TwoState]):
    """Runs a second job after the first."""

    id = "two"

    async def start_task(
        self, ctx: Context, template: TaskTemplate, spec: None, inputs: LiteralMap
    ) -> Status:
        return TaskStatus.running(TwoState(await ctx.once("first", self.service.create, self.service.find)))

    async def check_task_status(self, ctx: Context) -> Status:
        state: TwoState = ctx.state
        job = await self.service.get(state.second or state.first)
        if job.status != "succeeded" or state.second:
            return self.status(msgspec.structs.replace(job, status=_never_queued(job.status)), state)
        return TaskStatus.running(
            msgspec.structs.replace(state, second=await self.second(ctx)), phase_version=1
        )

    def status(self, job: ServiceJob, state: Any) -> Status:
        if job.status == "running":
            return TaskStatus.running(state, phase_version=1 if state.second else 0)
        return super().status(job, state)

    async def second(self, ctx: Context) -> str:
        """Submit the second job."""
        return await ctx.once("second", self.service.create, self.service.find)


class QuotaJob(Job):
    """Begins its job only with a token of a pool."""

    id = "quota"

    async def start_task(
        self, ctx: Context, template: TaskTemplate, spec: None, inputs: LiteralMap
    ) -> Status:
        allocation = await ctx.setup.pools.get("jobs").allocate(ctx)
        if not allocation.is_granted:
            return TaskStatus.not_ready(reason=allocation.reason)
        return await super().start_task(ctx, template, spec, inputs)


class CachedJob(Job):
    """Looks at all jobs together, in the background."""

    id = "cached"
    jobs: AutoRefreshCache[ServiceJob]

    async def initialize(self, setup: SetupContext[Any]) -> None:
        self.jobs = setup.make_cache("jobs", self.sync, resync_period=SOON, workers=1, size=10)

    async def sync(self, batch: Sequence[Item[ServiceJob]]) -> list[SyncResponse[ServiceJob]]:
        """Ask for the whole batch."""
        known = {job.id: job for job in await self.service.list()}
        lost = ServiceJob(id="", token="", status="lost")
        return [SyncResponse(one.id, known.get(one.id, lost), SyncAction.UPDATE) for one in batch]

    async def check_task_status(self, ctx: Context) -> Status:
        unknown = ServiceJob(id=ctx.state.job, token="", status="unknown")
        job = self.jobs.get_or_create(ctx.state.job, unknown, ctx.wake)
        return TaskStatus.unknown() if job.status == "unknown" else self.status(job, ctx.state)


class MigratedState(msgspec.Struct, frozen=True):
    job_id: str


class MigratingJob(JobOf[MigratedState]):
    """A later release of `Job`, which has another state."""

    state_version = 2

    async def start_task(
        self, ctx: Context, template: TaskTemplate, spec: None, inputs: LiteralMap
    ) -> Status:
        return TaskStatus.queued(MigratedState(await ctx.once("job", self.service.create, self.service.find)))

    async def check_task_status(self, ctx: Context) -> Status:
        return self.status(await self.service.get(ctx.state.job_id), ctx.state)

    def migrate(self, old_version: int, raw: Any) -> Any:
        return {"job_id": raw["job"]}


def _never_queued(status: str) -> str:
    return "running" if status == "queued" else status


class JobScenario(Scenario):
    """Of all executors that work with jobs of the service; each names its own."""

    task = template()
    time_limit = timedelta(hours=1)
    outputs: ClassVar[dict[str, Any] | None] = {"o0": "done"}
    made: ClassVar[type[Executor[Any, Any]]] = Job

    def service(self) -> FakeService:
        return FakeService()

    def executor(self, service: Any) -> Executor[Any, Any]:
        return self.made(service)  # pyright: ignore[reportCallIssue] - each takes the service


class StagingScenario(JobScenario):
    made = StagingJob
    creation_count = 2

    def service(self) -> FakeService:
        return StoreService()


class TidyScenario(JobScenario):
    made = TidyJob


class TwoJobsScenario(JobScenario):
    made = TwoJobs
    creation_count = 2


class QuotaScenario(JobScenario):
    made = QuotaJob
    pools = ("jobs",)


class CachedScenario(JobScenario):
    made = CachedJob


class MigratingScenario(JobScenario):
    made = MigratingJob
    old_states: ClassVar[dict[int, Any]] = {1: {"job": "job-1"}}

    def previous_executor(self, service: Any) -> Job:
        return Job(service)


RIGHT = (
    MigratingScenario,
    JobScenario,
    StagingScenario,
    TidyScenario,
    TwoJobsScenario,
    QuotaScenario,
    CachedScenario,
)
