"""The connector executor against a service whose every answer is the test's."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from pathlib import Path
from typing import Any

import grpc
import msgspec
import pytest

from elevon import errors
from elevon.blobs.local_files import LocalBlobStore
from elevon.idl import agents, literals
from elevon.idl.messages import Container, LiteralMap, TaskExecution, TaskLog, TaskTemplate
from elevon.plugin import SetupContext
from elevon.primitives.clocks import SystemClock
from elevon.records.attempts import LogLink
from elevon.records.phases import AttemptPhase
from elevon.tasktypes.connector.configurations import ConnectorConfig, Endpoint
from elevon.tasktypes.connector.executor import ConnectorExecutor, ConnectorState
from elevon.testing.contexts import FakeTaskContext
from tests.integration.connector.services import RUNNING, Fault, Service, agent

JOB, NOW = TaskTemplate(type="job"), TaskTemplate(type="now")
INPUTS = literals.literal_map({"x": literals.integer(7)})
DONE = agents.Resource(
    phase=TaskExecution.SUCCEEDED, outputs=literals.literal_map({"o0": literals.integer(1)})
)
DOWN = Fault(grpc.StatusCode.UNAVAILABLE)
LOST = Fault(grpc.StatusCode.UNAVAILABLE, is_late=True)
BROKEN = Fault(
    grpc.StatusCode.INTERNAL,
    "failed to get job task with error:\n Trace:\n\n    Traceback (most recent call last):\n"
    "\nMessage:\n\n    KeyError: 'no such bucket'.",
)


class Context(FakeTaskContext[ConnectorState]):
    """A task execution whose news can be waited for."""

    def __init__(self, directory: Path) -> None:
        super().__init__(ConnectorExecutor, directory)
        self.news = asyncio.Event()

    @property
    def wake(self) -> Callable[[], None]:
        return self.news.set

    async def checked(self, executor: ConnectorExecutor, is_wanted: Callable[[Any], bool]) -> Any:
        """Check whenever there is news, until the status is the wanted one."""
        async with asyncio.timeout(45):
            while not is_wanted(status := await self.check(executor)):
                await self.news.wait()
                self.news.clear()
        return status


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    async with Service().serving() as made:
        yield made


def config(service: Service, **endpoint: Any) -> ConnectorConfig:
    made = Endpoint(address=service.address, insecure=True, timeout_s=5, **endpoint)
    return ConnectorConfig(endpoints={"main": made}, resync_s=0.05, max_failed_syncs=2)


@contextlib.asynccontextmanager
async def running(wanted: ConnectorConfig, directory: Path) -> AsyncGenerator[ConnectorExecutor]:
    """An executor that has asked its services what they offer."""
    executor = ConnectorExecutor()
    setup = SetupContext(config=wanted, clock=SystemClock(), blobs=LocalBlobStore(), state_dir=directory)
    await executor.initialize(setup)
    await executor.discover_types()
    try:
        yield executor
    finally:
        await executor.close()


@pytest.fixture
async def executor(service: Service, tmp_path: Path) -> AsyncIterator[ConnectorExecutor]:
    async with running(config(service), tmp_path) as made:
        yield made


@pytest.fixture
async def ctx(tmp_path: Path) -> Context:
    return Context(tmp_path)


def phase_is(wanted: AttemptPhase) -> Callable[[Any], bool]:
    return lambda status: status.phase is wanted


class TestAsynchronous:
    async def test_a_task_is_created_followed_and_succeeds_with_the_outputs_of_its_connector(
        self, service: Service, executor: ConnectorExecutor, ctx: Context
    ) -> None:
        status = await ctx.start(executor, JOB, inputs=INPUTS)
        assert status.phase is AttemptPhase.QUEUED
        await ctx.checked(executor, phase_is(AttemptPhase.RUNNING))
        service.resource = DONE
        status = await ctx.checked(executor, phase_is(AttemptPhase.SUCCEEDED))
        assert status.outputs == {"o0": literals.integer(1)}
        (request,) = service.created
        assert (request.template, request.inputs) == (JOB, INPUTS)

    async def test_the_connector_is_told_whose_task_it_is(
        self, service: Service, executor: ConnectorExecutor, ctx: Context, tmp_path: Path
    ) -> None:
        await ctx.start(executor, JOB)
        (request,) = service.created
        assert request.output_prefix == str(tmp_path)
        metadata = request.task_execution_metadata
        assert metadata.namespace == "default-development"
        assert metadata.labels["execution-id"] == "a0"
        identity = metadata.task_execution_id
        assert identity.node_execution_id.execution_id.name == "a0"
        assert (identity.node_execution_id.node_id, identity.retry_attempt) == ("n0", 0)

    async def test_the_placeholders_of_a_command_are_replaced_for_the_service(
        self, service: Service, executor: ConnectorExecutor, ctx: Context, tmp_path: Path
    ) -> None:
        words = ["--x", "{{.inputs.x}}", "{{ .outputPrefix }}", "{{.input}}"]
        await ctx.start(executor, TaskTemplate(type="job", container=Container(args=words)), inputs=INPUTS)
        (request,) = service.created
        path = tmp_path / "inputs.pb"
        assert list(request.template.container.args) == ["--x", "7", str(tmp_path), str(path)]
        assert LiteralMap.FromString(path.read_bytes()) == INPUTS

    async def test_outputs_may_be_left_in_a_file(
        self, service: Service, executor: ConnectorExecutor, ctx: Context
    ) -> None:
        service.resource = agents.Resource(phase=TaskExecution.SUCCEEDED)
        await ctx.start(executor, JOB)
        status = await ctx.checked(executor, phase_is(AttemptPhase.SUCCEEDED))
        assert status.outputs is None
        ctx.outputs_file.write_bytes(DONE.outputs.SerializeToString())
        assert await executor.resolve_outputs(ctx, "o0") == {"o0": literals.integer(1)}

    async def test_news_within_a_phase_are_a_new_version_of_it(
        self, service: Service, executor: ConnectorExecutor, ctx: Context
    ) -> None:
        await ctx.start(executor, JOB)
        status = await ctx.checked(executor, phase_is(AttemptPhase.RUNNING))
        assert status.details.phase_version == 0
        service.resource = agents.Resource(
            phase=TaskExecution.RUNNING, message="half", log_links=[TaskLog(name="log", uri="http://log")]
        )
        status = await ctx.checked(executor, lambda status: status.details.reason == "half")
        assert status.details.phase_version == 1
        assert status.details.log_links == (LogLink("log", "http://log"),)
        assert (await ctx.check(executor)).details.phase_version == 1

    async def test_a_new_executor_goes_on_with_the_job_of_the_state(
        self, service: Service, executor: ConnectorExecutor, ctx: Context, tmp_path: Path
    ) -> None:
        await ctx.start(executor, JOB)
        service.resource = DONE
        async with running(config(service), tmp_path) as another:
            await ctx.checked(another, phase_is(AttemptPhase.SUCCEEDED))
        assert len(service.created) == 1

    async def test_what_the_connector_refuses_to_create_costs_a_retry_and_says_why(
        self, service: Service, executor: ConnectorExecutor, ctx: Context
    ) -> None:
        service.faults["create"] = [BROKEN]
        status = await ctx.start(executor, JOB)
        assert status.phase is AttemptPhase.RETRYABLE_FAILED
        assert status.failure is not None
        assert status.failure.message == (
            f"the connector service 'main' at {service.address} could not create a task of type 'job': INTERNAL: "
            "KeyError: 'no such bucket'."
        )

    async def test_a_service_that_is_too_busy_is_asked_again_later(
        self, service: Service, executor: ConnectorExecutor, ctx: Context
    ) -> None:
        service.faults["create"] = [Fault(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many jobs"), None]
        status = await ctx.start(executor, JOB)
        assert status.phase is AttemptPhase.WAITING_FOR_RESOURCES
        assert "too many jobs" in status.details.reason
        assert (await ctx.start(executor, JOB)).phase is AttemptPhase.QUEUED
        assert len(service.created) == 1


class TestOutages:
    async def test_a_task_waits_for_a_service_that_is_not_there(
        self, service: Service, executor: ConnectorExecutor, ctx: Context
    ) -> None:
        service.faults["list"] = [DOWN]
        async with running(config(service), ctx.data_dir) as unlucky:
            status = await ctx.start(unlucky, JOB)
        assert status.phase is AttemptPhase.WAITING_FOR_RESOURCES
        assert "could not say what it offers: UNAVAILABLE" in status.details.reason
        assert ctx.intents == {}

    async def test_a_task_of_a_version_that_nobody_offers_waits(
        self, executor: ConnectorExecutor, ctx: Context
    ) -> None:
        status = await ctx.start(executor, TaskTemplate(type="job", task_type_version=2))
        assert status.phase is AttemptPhase.WAITING_FOR_RESOURCES
        assert status.details.reason == "no connector service offers the task type 'job', version 2 now"

    async def test_a_service_that_went_away_costs_a_new_task_nothing(self, ctx: Context) -> None:
        service = Service()
        async with contextlib.AsyncExitStack() as stack:
            async with service.serving():
                executor = await stack.enter_async_context(running(config(service), ctx.data_dir))
            status = await ctx.start(executor, JOB)
            assert status.phase is AttemptPhase.WAITING_FOR_RESOURCES
            assert f"'main' at {service.address}" in status.details.reason
            assert ctx.intents == {}

    async def test_a_job_outlives_an_outage_of_its_service(
        self, service: Service, executor: ConnectorExecutor, ctx: Context
    ) -> None:
        await ctx.start(executor, JOB)
        await ctx.checked(executor, phase_is(AttemptPhase.RUNNING))
        service.faults["get"] = [DOWN]
        status = await ctx.checked(executor, lambda status: "UNAVAILABLE" in status.details.reason)
        assert status.phase is AttemptPhase.RUNNING
        asked = service.get_count
        async with asyncio.timeout(45):
            while service.get_count < asked + 5:
                await ctx.setup.clock.sleep(0.05)
        assert (await ctx.check(executor)).phase is AttemptPhase.RUNNING
        service.faults.clear()
        service.resource = DONE
        await ctx.checked(executor, phase_is(AttemptPhase.SUCCEEDED))

    async def test_a_connector_that_can_not_say_how_a_job_stands_is_borne_for_a_while(
        self, service: Service, executor: ConnectorExecutor, ctx: Context
    ) -> None:
        service.faults["get"] = [BROKEN]
        await ctx.start(executor, JOB)
        status = await ctx.checked(executor, lambda status: bool(status.details.reason))
        assert status.phase is AttemptPhase.QUEUED
        with pytest.raises(
            errors.RetryableError, match=r"'main' .* find a task of type 'job': INTERNAL: KeyError"
        ):
            await ctx.checked(executor, phase_is(AttemptPhase.RUNNING))

    async def test_a_type_that_a_service_can_not_be_asked_for_may_be_configured(self, ctx: Context) -> None:
        async with Service().serving() as service:
            pass
        async with running(config(service, task_types=("job",)), ctx.data_dir) as executor:
            found = await executor.discover_types()
        assert found.task_types == ("job",)
        assert f"'main' at {service.address} could not say what it offers: UNAVAILABLE" in found.problem


class TestCreatedOrNot:
    async def test_a_creation_of_which_nobody_knows_is_not_repeated(
        self, service: Service, executor: ConnectorExecutor, ctx: Context
    ) -> None:
        service.faults["create"] = [LOST]
        with pytest.raises(errors.UnavailableError):
            await ctx.start(executor, JOB)
        with pytest.raises(errors.MayHaveHappenedError):
            await ctx.start(executor, JOB)
        with pytest.raises(errors.MayHaveHappenedError):
            await executor.kill_task(ctx, "aborted")
        assert len(service.created) == 1

    async def test_it_is_if_the_connector_finds_what_it_made(self, service: Service, ctx: Context) -> None:
        service.faults["create"] = [LOST, None]
        async with running(config(service, create_is_idempotent=True), ctx.data_dir) as executor:
            with pytest.raises(errors.UnavailableError):
                await ctx.start(executor, JOB)
            status = await ctx.start(executor, JOB)
        assert status.phase is AttemptPhase.QUEUED
        assert service.created[0] == service.created[1]

    async def test_another_service_that_offers_the_type_does_not_repeat_it_either(
        self, service: Service, executor: ConnectorExecutor, ctx: Context
    ) -> None:
        service.faults["create"] = [LOST]
        with pytest.raises(errors.UnavailableError):
            await ctx.start(executor, JOB)
        async with Service().serving() as spare:
            moved = msgspec.structs.replace(
                config(service),
                endpoints={"spare": config(spare, create_is_idempotent=True).endpoints["main"]},
            )
            async with running(moved, ctx.data_dir) as another:
                with pytest.raises(errors.MayHaveHappenedError):
                    await ctx.start(another, JOB)
        assert spare.created == []

    async def test_a_job_whose_status_was_lost_is_not_created_twice(
        self, service: Service, executor: ConnectorExecutor, ctx: Context
    ) -> None:
        for _ in range(2):
            await executor.start_task(ctx, JOB, None, INPUTS)
        assert len(service.created) == 1

    async def test_a_kill_without_a_state_deletes_what_was_created(
        self, service: Service, executor: ConnectorExecutor, ctx: Context
    ) -> None:
        await executor.start_task(ctx, JOB, None, INPUTS)
        for _ in range(2):
            await executor.kill_task(ctx, "aborted")
        assert service.deleted == [b"0", b"0"]

    async def test_a_kill_waits_for_a_service_that_is_away(
        self, service: Service, executor: ConnectorExecutor, ctx: Context
    ) -> None:
        await ctx.start(executor, JOB)
        service.faults["delete"] = [DOWN, None]
        with pytest.raises(errors.UnavailableError, match="could not delete a task of type 'job'"):
            await executor.kill_task(ctx, "aborted")
        await executor.kill_task(ctx, "aborted")
        assert service.deleted == [b"0"]

    async def test_a_job_at_an_endpoint_that_is_gone_names_it(
        self, executor: ConnectorExecutor, ctx: Context, tmp_path: Path
    ) -> None:
        await ctx.start(executor, JOB)
        async with running(ConnectorConfig(), tmp_path) as another:
            status = await ctx.check(another)
            assert status.phase is AttemptPhase.QUEUED
            assert "'main', which is not configured any more" in status.details.reason
            with pytest.raises(errors.UnavailableError, match=r"\[executors.connector.endpoints.main\]"):
                await another.kill_task(ctx, "aborted")


class TestSynchronous:
    async def test_a_task_ends_in_its_start(
        self, service: Service, executor: ConnectorExecutor, ctx: Context
    ) -> None:
        service.resource = DONE
        status = await ctx.start(executor, NOW, inputs=INPUTS)
        assert (status.phase, status.outputs) == (AttemptPhase.SUCCEEDED, {"o0": literals.integer(1)})
        ((header, inputs),) = service.executed
        assert header.header.template == NOW
        assert inputs.inputs == INPUTS

    async def test_its_answer_is_kept_with_the_intent(
        self, service: Service, executor: ConnectorExecutor, ctx: Context
    ) -> None:
        service.resource = DONE
        for _ in range(2):
            status = await executor.start_task(ctx, NOW, None, INPUTS)
            assert status.phase is AttemptPhase.SUCCEEDED
        assert len(service.executed) == 1

    async def test_a_failure_says_why_and_whether_a_retry_may_help(
        self, service: Service, executor: ConnectorExecutor, ctx: Context
    ) -> None:
        service.resource = agents.Resource(
            phase=TaskExecution.RETRYABLE_FAILED,
            message="the host said 503",
            agent_error=agents.AgentError(code="HTTP503"),
        )
        status = await ctx.start(executor, NOW)
        assert status.phase is AttemptPhase.RETRYABLE_FAILED
        assert status.failure is not None
        assert (status.failure.code, status.failure.message) == ("HTTP503", "the host said 503")

    async def test_an_exception_in_the_connector_costs_a_retry(
        self, service: Service, executor: ConnectorExecutor, ctx: Context
    ) -> None:
        service.faults["execute"] = [BROKEN._replace(is_late=True)]
        assert (await ctx.start(executor, NOW)).phase is AttemptPhase.RETRYABLE_FAILED

    async def test_one_that_does_not_end_has_failed(
        self, service: Service, executor: ConnectorExecutor, ctx: Context
    ) -> None:
        service.resource = RUNNING
        status = await ctx.start(executor, NOW)
        assert status.phase is AttemptPhase.FAILED

    async def test_a_run_of_which_nobody_knows_is_not_repeated_and_there_is_nothing_to_kill(
        self, service: Service, executor: ConnectorExecutor, ctx: Context
    ) -> None:
        service.faults["execute"] = [LOST]
        with pytest.raises(errors.UnavailableError):
            await ctx.start(executor, NOW)
        with pytest.raises(errors.MayHaveHappenedError):
            await ctx.start(executor, NOW)
        await executor.kill_task(ctx, "aborted")


class TestDiscovery:
    async def test_types_are_those_that_the_services_offer_now(
        self, service: Service, executor: ConnectorExecutor
    ) -> None:
        assert (await executor.discover_types()).task_types == ("job", "now")
        service.offered = [agent("job"), agent("new")]
        assert (await executor.discover_types()).task_types == ("job", "new")

    async def test_a_service_that_can_not_be_asked_keeps_what_it_offered(
        self, service: Service, executor: ConnectorExecutor
    ) -> None:
        service.faults["list"] = [DOWN]
        found = await executor.discover_types()
        assert found.task_types == ("job", "now")
        assert f"'main' at {service.address} could not say what it offers" in found.problem

    async def test_without_endpoints_nothing_is_discovered(self, tmp_path: Path) -> None:
        async with running(ConnectorConfig(), tmp_path) as executor:
            assert (await executor.discover_types()).task_types == ()

    async def test_a_file_of_certificates_that_is_not_there_is_named(self, tmp_path: Path) -> None:
        endpoint = Endpoint(address="localhost:1", ca_file=str(tmp_path / "ca.pem"))
        with pytest.raises(errors.UserError, match=r"'main' can't be read: .*ca.pem"):
            async with running(ConnectorConfig(endpoints={"main": endpoint}), tmp_path):
                pass
