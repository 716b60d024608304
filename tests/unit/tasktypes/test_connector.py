"""What connectors say, in the engine's words, and which service serves which type."""

import logging
from typing import Any

import msgspec
import pytest

from elevon import errors
from elevon.idl import agents, literals
from elevon.idl.messages import ExecutionError, Struct, TaskExecution
from elevon.records.phases import AttemptPhase
from elevon.tasktypes.connector import resources
from elevon.tasktypes.connector.configurations import ConnectorConfig, Endpoint
from elevon.tasktypes.connector.routes import Category, Route, Routes

JOB = Category("job")


def agent(*categories: Category, is_sync: bool = False) -> agents.Agent:
    named = [agents.TaskCategory(name=one.name, version=one.version) for one in categories]
    return agents.Agent(name="some connector", is_sync=is_sync, supported_task_categories=named)


def endpoint(**settings: Any) -> Endpoint:
    return Endpoint(address="localhost:8000", **settings)


class TestPhases:
    @pytest.mark.parametrize(
        ("said", "meant"),
        [
            ("QUEUED", AttemptPhase.QUEUED),
            ("WAITING_FOR_RESOURCES", AttemptPhase.QUEUED),
            ("INITIALIZING", AttemptPhase.INITIALIZING),
            ("RUNNING", AttemptPhase.RUNNING),
            ("SUCCEEDED", AttemptPhase.SUCCEEDED),
            ("FAILED", AttemptPhase.FAILED),
            ("ABORTED", AttemptPhase.FAILED),
            ("RETRYABLE_FAILED", AttemptPhase.RETRYABLE_FAILED),
        ],
    )
    def test_a_phase_of_flyte_is_one_of_the_engine(self, said: str, meant: AttemptPhase) -> None:
        resource = agents.Resource(phase=said)
        assert resources.phase_of(resource) is meant
        assert resources.status_of(resource, "state").phase is meant

    @pytest.mark.parametrize(
        ("said", "meant"),
        [
            ("PENDING", AttemptPhase.QUEUED),
            ("RUNNING", AttemptPhase.RUNNING),
            ("SUCCEEDED", AttemptPhase.SUCCEEDED),
            ("PERMANENT_FAILURE", AttemptPhase.FAILED),
            ("RETRYABLE_FAILURE", AttemptPhase.RETRYABLE_FAILED),
        ],
    )
    def test_without_a_phase_the_older_state_counts(self, said: str, meant: AttemptPhase) -> None:
        assert resources.phase_of(agents.Resource(state=said)) is meant

    def test_no_phase_of_flyte_is_forgotten(self) -> None:
        for phase in TaskExecution.Phase.keys():  # noqa: SIM118 - no dict
            resources.phase_of(agents.Resource(phase=phase))

    def test_a_phase_of_a_newer_flyte_is_a_fault_that_may_pass(self) -> None:
        resource = agents.Resource.FromString(bytes([5 << 3, 99]))
        with pytest.raises(errors.RetryableError, match="phase 99"):
            resources.phase_of(resource)


class TestStatuses:
    def test_a_success_has_the_outputs_that_came_with_it_or_leaves_them_to_a_file(self) -> None:
        outputs = literals.literal_map({"o0": literals.integer(1)})
        inline = agents.Resource(phase=TaskExecution.SUCCEEDED, outputs=outputs)
        assert resources.status_of(inline, None).outputs == {"o0": literals.integer(1)}
        assert resources.status_of(agents.Resource(phase=TaskExecution.SUCCEEDED), None).outputs is None

    def test_a_failure_says_what_the_connector_said(self) -> None:
        said = agents.AgentError(code="Quota", origin=ExecutionError.SYSTEM)
        resource = agents.Resource(phase=TaskExecution.FAILED, message="no slots", agent_error=said)
        failure = resources.status_of(resource, None).failure
        assert failure is not None
        assert (failure.code, failure.message, failure.kind) == ("Quota", "no slots", errors.ErrorKind.SYSTEM)
        assert not failure.is_recoverable

    def test_a_failure_without_a_reason_says_so(self) -> None:
        failure = resources.status_of(agents.Resource(phase=TaskExecution.ABORTED), None).failure
        assert failure is not None
        assert failure.message == "the connector reports ABORTED and no reason"
        assert (failure.code, failure.kind) == (resources.FAILED_CODE, errors.ErrorKind.USER)

    def test_what_a_connector_shows_is_passed_on(self) -> None:
        custom = Struct()
        custom.update({"job": 7})
        resource = agents.Resource(phase=TaskExecution.RUNNING, message="half way", custom_info=custom)
        details = resources.status_of(resource, None, phase_version=3).details
        assert (details.reason, details.custom_info, details.phase_version) == ("half way", {"job": 7}, 3)


class TestRoutes:
    def test_a_type_goes_to_the_service_that_offers_it(self) -> None:
        routes = Routes({"main": endpoint()})
        routes.learn("main", [agent(JOB), agent(Category("now"), is_sync=True)])
        assert routes.find(JOB) == Route("main", is_sync=False)
        assert routes.find(Category("now")) == Route("main", is_sync=True)
        assert routes.task_types == ("job", "now")

    def test_versions_of_a_type_are_told_apart(self) -> None:
        routes = Routes({"main": endpoint(), "next": endpoint()})
        routes.learn("main", [agent(JOB)])
        routes.learn("next", [agent(Category("job", 2))])
        assert routes.find(Category("job", 2)) == Route("next", is_sync=False)
        assert routes.find(JOB) == Route("main", is_sync=False)
        assert routes.find(Category("job", 1)) is None

    def test_an_older_service_says_only_the_names(self) -> None:
        routes = Routes({"main": endpoint()})
        routes.learn("main", [agents.Agent(supported_task_types=["job"])])
        assert routes.find(JOB) == Route("main", is_sync=False)

    def test_of_two_services_the_first_serves_a_type_and_both_are_named_once(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        routes = Routes({"main": endpoint(), "spare": endpoint()})
        for _ in range(2):
            routes.learn("spare", [agent(JOB)])
            routes.learn("main", [agent(JOB)])
        assert routes.find(JOB) == Route("main", is_sync=False)
        (record,) = [record for record in caplog.records if record.levelno == logging.WARNING]
        assert "'main' and 'spare' both offer the task type 'job': 'main' serves it" in record.message

    def test_only_the_types_that_are_wanted_are_taken_from_a_service(self) -> None:
        routes = Routes({"main": endpoint(task_types=("job", "later"))})
        routes.learn("main", [agent(JOB), agent(Category("other"))])
        assert routes.find(Category("other")) is None
        assert routes.task_types == ("job", "later")

    def test_what_is_no_longer_offered_is_forgotten(self) -> None:
        routes = Routes({"main": endpoint()})
        routes.learn("main", [agent(JOB)])
        routes.learn("main", [])
        assert routes.find(JOB) is None
        assert routes.task_types == ()


class TestConfiguration:
    def test_a_file_says_where_the_services_are(self) -> None:
        given = {"endpoints": {"main": {"address": "connectors:8000", "insecure": True, "timeout_s": 3}}}
        made = msgspec.convert(given, ConnectorConfig, strict=False)
        assert made.endpoints["main"] == Endpoint(address="connectors:8000", insecure=True, timeout_s=3)

    @pytest.mark.parametrize("address", ["connectors", "http://connectors:8000", "connectors:", ":8000"])
    def test_an_address_is_a_host_and_a_port(self, address: str) -> None:
        with pytest.raises(msgspec.ValidationError, match="endpoints"):
            msgspec.convert({"endpoints": {"main": {"address": address}}}, ConnectorConfig)

    def test_a_mistyped_setting_of_an_endpoint_is_refused(self) -> None:
        given = {"endpoints": {"main": {"address": "connectors:8000", "insecrue": True}}}
        with pytest.raises(msgspec.ValidationError, match="insecrue"):
            msgspec.convert(given, ConnectorConfig)
