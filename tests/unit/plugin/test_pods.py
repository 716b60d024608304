"""What pods say, in the words of a task's status."""

from typing import Any

import pytest

from elevon.idl import literals
from elevon.plugin.pods import status_of_pod, termination_message
from elevon.records.phases import AttemptPhase


def pod(phase: str = "Running", containers: dict[str, Any] | None = None, **status: Any) -> dict[str, Any]:
    """A pod; containers by name, with their states."""
    states = containers or {}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"namespace": "team", "name": "one"},
        "spec": {"containers": [{"name": name} for name in states] or [{"name": "main"}]},
        "status": {
            "phase": phase,
            "containerStatuses": [{"name": name, "state": state} for name, state in states.items()],
            **status,
        },
    }


def ended(exit_code: int, **more: Any) -> dict[str, Any]:
    return {"terminated": {"exitCode": exit_code, "reason": "Error" if exit_code else "Completed", **more}}


@pytest.mark.parametrize(
    ("phase", "wanted"),
    [
        ("Pending", AttemptPhase.QUEUED),
        ("Running", AttemptPhase.RUNNING),
        ("Succeeded", AttemptPhase.SUCCEEDED),
        ("Failed", AttemptPhase.RETRYABLE_FAILED),
        ("Unknown", None),
    ],
)
def test_each_phase_has_its_status(phase: str, wanted: AttemptPhase | None) -> None:
    assert status_of_pod(pod(phase)).phase is wanted


def test_a_pod_without_a_status_is_queued() -> None:
    fresh = pod()
    del fresh["status"]
    assert status_of_pod(fresh).phase is AttemptPhase.QUEUED


def test_a_pod_without_a_place_says_why() -> None:
    condition = {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "message": "0/3 nodes are available",
    }
    status = status_of_pod(pod("Pending", conditions=[condition]))
    assert status.phase is AttemptPhase.QUEUED
    assert status.details.reason == (
        "Pod team/one has no place to run yet: Unschedulable: 0/3 nodes are available"
    )


def test_a_container_that_is_being_made_is_initializing() -> None:
    status = status_of_pod(pod("Pending", {"main": {"waiting": {"reason": "ContainerCreating"}}}))
    assert (status.phase, status.details.reason) == (AttemptPhase.INITIALIZING, "")


def test_a_container_that_waits_for_its_image_is_initializing_and_one_that_waits_in_vain_has_failed() -> None:
    pulling = status_of_pod(
        pod("Pending", {"main": {"waiting": {"reason": "ImagePullBackOff", "message": "busy"}}})
    )
    assert pulling.phase is AttemptPhase.INITIALIZING
    assert pulling.details.reason == "container main of Pod team/one waits: ImagePullBackOff: busy"
    hopeless = status_of_pod(pod("Pending", {"main": {"waiting": {"reason": "InvalidImageName"}}}))
    assert hopeless.phase is AttemptPhase.FAILED
    assert hopeless.failure is not None
    assert hopeless.failure.message == "container main of Pod team/one waits: InvalidImageName"


def test_the_container_that_matters_decides_alone() -> None:
    states = {"main": ended(0), "sidecar": {"running": {}}}
    outputs = {"o0": literals.integer(1)}
    assert status_of_pod(pod("Running", states)).phase is AttemptPhase.RUNNING
    status = status_of_pod(pod("Running", states), "main", outputs)
    assert (status.phase, status.outputs) == (AttemptPhase.SUCCEEDED, outputs)


def test_a_container_that_failed_is_quoted() -> None:
    status = status_of_pod(pod("Failed", {"side": ended(0), "main": ended(3, message="no such table\n")}))
    assert status.failure is not None
    assert status.failure.message == (
        "container main of Pod team/one ended with exit code 3: Error: no such table"
    )
    assert status.failure.code == "USER:ContainerFailed"


def test_too_much_memory_comes_with_advice() -> None:
    status = status_of_pod(pod("Failed", {"main": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}}))
    assert status.failure is not None
    assert status.failure.code == "USER:OutOfMemory"
    assert status.failure.message.endswith("OOMKilled; raise its memory limit, or make it use less")


def test_a_fault_of_the_cluster_is_none_of_the_users() -> None:
    status = status_of_pod(pod("Failed", {"main": ended(137)}, reason="Evicted", message="low on disk"))
    assert status.failure is not None
    assert (status.failure.code, status.failure.message) == (
        "SYSTEM:Evicted",
        "Pod team/one failed: Evicted: low on disk",
    )


def test_a_deadline_is_told_beside_the_exit_code() -> None:
    late = {"reason": "DeadlineExceeded", "message": "active for more than 5 s"}
    status = status_of_pod(pod("Failed", {"main": ended(143)}, **late))
    assert status.failure is not None
    assert status.failure.message.endswith(
        "ended with exit code 143: Error (DeadlineExceeded: active for more than 5 s)"
    )


def test_a_message_is_there_once_the_container_has_ended() -> None:
    assert termination_message(pod("Running", {"main": {"running": {}}})) == ""
    assert termination_message(pod("Succeeded", {"main": ended(0, message="7")})) == "7"
    assert termination_message(pod("Succeeded", {"a": ended(0), "b": ended(0, message="8")}), "b") == "8"
