"""Executors of cluster resources: one resource through everything, one watch for all, and nothing left behind."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar, Self

import msgspec
import pytest

from elevon import Task, errors
from elevon.blobs.local_files import LocalBlobStore
from elevon.idl import literals
from elevon.idl.messages import LiteralMap, Secret, SecurityContext, TaskTemplate
from elevon.plugin import SetupContext, TaskContext, TaskStatus
from elevon.plugin.kubernetes import (
    ATTEMPT_ANNOTATION,
    EXECUTOR_LABEL,
    FINALIZER,
    K8sConfig,
    K8sExecutor,
    K8sState,
    Manifest,
    ResourceKey,
    ResourceKind,
)
from elevon.plugin.pods import status_of_pod, termination_message
from elevon.records.phases import AttemptPhase
from elevon.records.resources import ResourceChanges, is_being_deleted, key_of
from elevon.testing import FakeCluster, Scenario, check
from elevon.testing.clocks import SimulatedClock
from elevon.testing.contexts import FakeTaskContext

POD = ResourceKind("v1", "Pod")
CONFIG = K8sConfig(labels={"team": "red"}, annotations={"cost": "7"})


class Harbour(FakeCluster):
    """A cluster in memory that counts and fails.

    Attributes:
        calls: What was called of create, get and delete.
        failures: What the next calls raise, by call.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(message="done", **options)
        self.calls: list[str] = []
        self.failures: dict[str, list[Exception]] = {}

    def call(self, name: str) -> None:
        if name in ("create", "get", "delete"):
            self.calls.append(name)
        if self.failures.get(name):
            raise self.failures[name].pop(0)

    async def create(self, resource: Manifest) -> Manifest:
        self.call("create")
        made = await super().create(resource)
        self.call("created")
        return made

    async def get(self, key: ResourceKey) -> Manifest | None:
        self.call("get")
        return await super().get(key)

    async def delete(self, key: ResourceKey, uid: str = "", grace: timedelta | None = None) -> None:
        self.call("delete")
        await super().delete(key, uid, grace)

    async def watch(
        self, kind: ResourceKind, labels: Mapping[str, str], after: str, patience: timedelta
    ) -> ResourceChanges:
        self.call("watch")
        return await super().watch(kind, labels, after, patience)


class PodExecutor(K8sExecutor[None]):
    """Runs a pod."""

    id = "pod"
    task_types = ("pod",)

    def build_identity_resource(self) -> ResourceKind:
        return POD

    async def build_resource(
        self, ctx: TaskContext[K8sState], template: TaskTemplate, spec: None, inputs: LiteralMap
    ) -> Manifest:
        container = {"name": "main", "command": ["true"]}
        return {
            "metadata": {"labels": {"mine": "1"}},
            "spec": {"restartPolicy": "Never", "containers": [container]},
        }

    async def get_task_status(self, ctx: TaskContext[K8sState], resource: Manifest) -> TaskStatus[Any]:
        return status_of_pod(resource, outputs={"o0": literals.string(termination_message(resource))})


class World:
    """An executor that is at work, and the attempts that it has."""

    def __init__(
        self, cluster: Harbour, directory: Path, clock: SimulatedClock, config: K8sConfig = CONFIG
    ) -> None:
        self.cluster = cluster
        self.cluster.clock = self.clock = clock
        self.executor = PodExecutor()
        self._directory = directory
        self.setup = SetupContext(
            config=config, clock=clock, blobs=LocalBlobStore(), state_dir=directory, cluster=cluster
        )

    async def __aenter__(self) -> Self:
        await self.executor.initialize(self.setup)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.executor.close()

    async def restart(self) -> None:
        """What another engine is after this one."""
        await self.executor.close()
        self.executor = PodExecutor()
        await self.executor.initialize(self.setup)
        self.cluster.calls.clear()

    def attempt(self, number: int = 0) -> FakeTaskContext[K8sState]:
        return FakeTaskContext(self.executor, self._directory, attempt=number, setup=self.setup)

    async def started(self, number: int = 0) -> FakeTaskContext[K8sState]:
        ctx = self.attempt(number)
        await ctx.start(self.executor, TaskTemplate())
        return ctx

    async def ended(self) -> FakeTaskContext[K8sState]:
        ctx = await self.started()
        await self.clock.sleep(31)
        await ctx.check(self.executor)
        return ctx

    async def resource(self, ctx: FakeTaskContext[K8sState]) -> Manifest | None:
        assert ctx.state.key is not None
        return await FakeCluster.get(self.cluster, ctx.state.key)


Story = Callable[[World], Awaitable[None]]
Tell = Callable[..., None]


@pytest.fixture
def tell(tmp_path: Path) -> Tell:
    """Let a story happen in simulated time."""

    def run(story: Story, cluster: Harbour | None = None, config: K8sConfig = CONFIG) -> None:
        clock = SimulatedClock()

        async def whole() -> None:
            async with World(cluster or Harbour(), tmp_path, clock, config) as world:
                await story(world)

        clock.run(whole())

    return run


class TestCreation:
    def test_the_base_puts_in_what_the_engine_needs(self, tell: Tell) -> None:
        async def story(world: World) -> None:
            ctx = await world.started()
            resource = await world.resource(ctx)
            assert resource is not None
            who = ctx.task_execution_id
            assert key_of(resource) == ResourceKey(POD, "default-development", who.generated_name)
            assert resource["metadata"]["labels"] == {
                "mine": "1",
                "team": "red",
                "execution-id": "a0",
                "node-id": "n0",
                EXECUTOR_LABEL: "pod",
            }
            assert resource["metadata"]["annotations"][ATTEMPT_ANNOTATION] == str(who.attempt)
            assert resource["metadata"]["annotations"]["cost"] == "7"
            assert resource["metadata"]["finalizers"] == [FINALIZER]

        tell(story)

    def test_a_lost_answer_is_found_and_not_made_again(self, tell: Tell) -> None:
        async def story(world: World) -> None:
            world.cluster.failures["created"] = [errors.UnavailableError("the answer was lost")]
            ctx = world.attempt()
            with pytest.raises(errors.UnavailableError):
                await ctx.start(world.executor, TaskTemplate())
            await ctx.start(world.executor, TaskTemplate())
            assert len(world.cluster.things) == 1
            assert ctx.state.uid == world.cluster.things[0].id

        tell(story)

    def test_one_that_ended_meanwhile_is_told_of_by_the_start(self, tell: Tell) -> None:
        async def story(world: World) -> None:
            world.cluster.failures["created"] = [errors.UnavailableError("the answer was lost")]
            ctx = world.attempt()
            with pytest.raises(errors.UnavailableError):
                await ctx.start(world.executor, TaskTemplate())
            await world.clock.sleep(100)
            status = await ctx.start(world.executor, TaskTemplate())
            assert status.phase is AttemptPhase.SUCCEEDED

        tell(story)

    def test_what_somebody_else_made_is_left_alone_and_named(self, tell: Tell) -> None:
        async def story(world: World) -> None:
            ctx = world.attempt()
            name = ctx.task_execution_id.generated_name
            stranger = {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": name, "namespace": ctx.namespace},
                "spec": {"containers": [{"name": "main"}]},
            }
            await world.cluster.create(stranger)
            with pytest.raises(errors.UserError, match=f"Pod default-development/{name} is there already"):
                await ctx.start(world.executor, TaskTemplate())
            await world.executor.kill_task(ctx, "because")
            await world.executor.finalize_task(ctx)
            found = await world.cluster.get(key_of(stranger))
            assert found is not None
            assert not is_being_deleted(found)

        tell(story)

    def test_without_room_it_waits_and_tries_again(self, tell: Tell) -> None:
        async def story(world: World) -> None:
            world.cluster.failures["create"] = [errors.QuotaError("the namespace has its 10 pods")]
            ctx = world.attempt()
            status = await ctx.start(world.executor, TaskTemplate())
            assert status.phase is AttemptPhase.WAITING_FOR_RESOURCES
            assert status.details.reason == "the namespace has its 10 pods"
            status = await ctx.start(world.executor, TaskTemplate())
            assert status.phase is AttemptPhase.QUEUED

        tell(story)

    def test_a_resource_of_another_kind_is_refused(self, tell: Tell) -> None:
        class Confused(PodExecutor):
            def build_identity_resource(self) -> ResourceKind:
                return ResourceKind("batch/v1", "Job")

            async def build_resource(self, *_: Any) -> Manifest:
                return {"apiVersion": "v1", "kind": "Pod", "spec": {}}

        async def story(world: World) -> None:
            world.executor = Confused()
            await world.executor.initialize(world.setup)
            with pytest.raises(errors.BugError, match=r"of the kind v1/Pod and watches batch/v1/Job"):
                await world.started()

        tell(story)

    def test_a_secret_that_the_resource_does_not_name_is_no_silence(self, tell: Tell) -> None:
        async def story(world: World) -> None:
            secrets = [Secret(group="db", key="password")]
            template = TaskTemplate(security_context=SecurityContext(secrets=secrets))
            with pytest.raises(
                errors.UserError, match="'password' of the group 'db', which the executor 'pod'"
            ):
                await world.attempt().start(world.executor, template)
            assert world.cluster.calls == []

        tell(story)


class TestFollowing:
    def test_a_check_reads_what_the_watch_has_seen(self, tell: Tell) -> None:
        async def story(world: World) -> None:
            ctx = await world.started()
            await world.clock.sleep(4)
            assert ctx.wake_count >= 2  # made, and running
            assert (await ctx.check(world.executor)).phase is AttemptPhase.RUNNING
            await world.clock.sleep(27)
            status = await ctx.check(world.executor)
            assert status.phase is AttemptPhase.SUCCEEDED
            assert status.outputs == {"o0": literals.string("done")}
            assert world.cluster.calls == ["create"]

        tell(story)

    def test_after_a_restart_the_cluster_is_asked_until_the_watch_knows(self, tell: Tell) -> None:
        async def story(world: World) -> None:
            ctx = await world.started()
            await world.clock.sleep(4)
            await world.restart()
            assert (await ctx.check(world.executor)).phase is AttemptPhase.RUNNING
            assert world.cluster.calls == ["get"]
            await world.clock.sleep(1)
            await ctx.check(world.executor)
            assert world.cluster.calls == ["get"]

        tell(story)

    def test_a_watch_that_fails_misses_nothing(self, tell: Tell) -> None:
        async def story(world: World) -> None:
            ctx = await world.started()
            await world.clock.sleep(4)
            before = ctx.wake_count
            world.cluster.failures["watch"] = [*[errors.UnavailableError("down")] * 4, ValueError("odd")]
            await world.clock.sleep(60)
            assert not world.cluster.failures["watch"]
            assert ctx.wake_count == before + 1
            assert (await ctx.check(world.executor)).phase is AttemptPhase.SUCCEEDED
            assert world.cluster.calls == ["create"]

        tell(story)

    def test_while_the_watch_is_down_a_check_asks_the_cluster(self, tell: Tell) -> None:
        async def story(world: World) -> None:
            ctx = await world.started()
            await world.clock.sleep(4)
            world.cluster.failures["watch"] = [errors.UnavailableError("down")] * 100
            await world.clock.sleep(35)
            assert (await ctx.check(world.executor)).phase is AttemptPhase.SUCCEEDED
            assert world.cluster.calls == ["create", "get"]

        tell(story)

    def test_what_vanished_is_a_failure_that_another_attempt_may_mend(self, tell: Tell) -> None:
        async def story(world: World) -> None:
            ctx = await world.started()
            await world.clock.sleep(4)
            before = ctx.wake_count
            world.cluster.forget()
            await world.clock.sleep(0.1)
            assert ctx.wake_count == before + 1
            status = await ctx.check(world.executor)
            assert status.phase is AttemptPhase.RETRYABLE_FAILED
            assert status.failure is not None
            assert "has vanished: somebody deleted it" in status.failure.message

        tell(story)

    def test_another_one_of_the_same_name_is_not_it(self, tell: Tell) -> None:
        async def story(world: World) -> None:
            ctx = await world.started()
            resource = await world.resource(ctx)
            assert resource is not None
            world.cluster.forget()
            await world.cluster.create(resource)
            await world.clock.sleep(1)
            assert (await ctx.check(world.executor)).phase is AttemptPhase.RETRYABLE_FAILED
            await world.executor.finalize_task(ctx)
            assert (await world.resource(ctx) or {})["metadata"]["finalizers"] == [FINALIZER]

        tell(story)

    def test_what_somebody_deleted_has_failed_unless_it_had_succeeded(self, tell: Tell) -> None:
        async def story(world: World) -> None:
            early, late = await world.started(0), await world.started(1)
            assert early.state.key is not None
            assert late.state.key is not None
            await world.clock.sleep(4)
            await world.cluster.delete(early.state.key)
            await world.clock.sleep(30)
            await world.cluster.delete(late.state.key)
            status = await early.check(world.executor)
            assert status.failure is not None
            assert "was deleted by somebody before it had succeeded" in status.failure.message
            assert (await late.check(world.executor)).phase is AttemptPhase.SUCCEEDED

        tell(story)


class TestEnds:
    def test_finalize_lets_it_go_and_may_be_repeated(self, tell: Tell) -> None:
        async def story(world: World) -> None:
            ctx = await world.ended()
            await world.executor.finalize_task(ctx)
            assert await world.resource(ctx) is None
            await world.executor.finalize_task(ctx)
            assert world.cluster.calls.count("delete") == 1

        tell(story)

    def test_what_is_to_be_kept_is_kept_but_not_held(self, tell: Tell) -> None:
        async def story(world: World) -> None:
            ctx = await world.ended()
            await world.executor.finalize_task(ctx)
            resource = await world.resource(ctx)
            assert resource is not None
            assert resource["metadata"]["finalizers"] == []
            assert not is_being_deleted(resource)

        tell(story, config=msgspec.structs.replace(CONFIG, keeps_resources=True))

    def test_a_kill_deletes_also_what_is_to_be_kept(self, tell: Tell) -> None:
        async def story(world: World) -> None:
            ctx = await world.started()
            await world.executor.kill_task(ctx, "because")
            await world.executor.kill_task(ctx, "because")
            await world.executor.finalize_task(ctx)
            assert await world.resource(ctx) is None
            assert world.cluster.calls.count("delete") == 1

        tell(story, config=msgspec.structs.replace(CONFIG, keeps_resources=True))

    def test_a_kill_finds_what_no_state_tells_of(self, tell: Tell) -> None:
        async def story(world: World) -> None:
            world.cluster.failures["created"] = [errors.UnavailableError("the answer was lost")]
            ctx = world.attempt()
            with pytest.raises(errors.UnavailableError):
                await ctx.start(world.executor, TaskTemplate())
            await world.executor.kill_task(ctx, "because")
            await world.executor.finalize_task(ctx)
            assert world.cluster.things[0].deleted_at is not None

        tell(story)

    def test_finalizers_of_others_stay(self, tell: Tell) -> None:
        async def story(world: World) -> None:
            ctx = await world.ended()
            assert ctx.state.key is not None
            await world.cluster.patch(ctx.state.key, {"metadata": {"finalizers": [FINALIZER, "yours"]}})
            await world.executor.finalize_task(ctx)
            resource = await world.resource(ctx)
            assert resource is not None
            assert resource["metadata"]["finalizers"] == ["yours"]

        tell(story)


def test_without_a_cluster_the_start_says_so(tmp_path: Path) -> None:
    clock = SimulatedClock()

    async def whole() -> None:
        executor = PodExecutor()
        setup = SetupContext(config=CONFIG, clock=clock, blobs=LocalBlobStore(), state_dir=tmp_path)
        await executor.initialize(setup)
        ctx = FakeTaskContext(executor, tmp_path, setup=setup)
        with pytest.raises(errors.UserError, match="there is no cluster for resources of the kind v1/Pod"):
            await ctx.start(executor, TaskTemplate())
        await executor.close()

    clock.run(whole())


class PodScenario(Scenario):
    """What the kit is told of it."""

    task = Task("run", task_type="pod", outputs={"o0": str})
    outputs: ClassVar = {"o0": "done"}

    def service(self) -> FakeCluster:
        return FakeCluster(message="done")

    def executor(self, service: Any) -> PodExecutor:
        return PodExecutor(service)


def test_every_promise_is_kept_through_every_crash() -> None:
    report = check(PodScenario, runs=60)
    assert report.findings == ()
