"""What a pod means for its task: phases, and the reasons that Kubernetes gives, in the words of `TaskStatus`.

It exists so that every executor whose resources are pods, or hold some, tells their ends in one way. It knows the API
of Kubernetes (core/v1, PodStatus) and nothing of elevon's engine.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from elevon import errors
from elevon.idl.messages import Literal
from elevon.plugin.statuses import TaskStatus
from elevon.records.failures import Failure
from elevon.records.resources import Manifest, key_of

# Why a container waits, where waiting longer does not help.
_HOPELESS: Final = frozenset(
    {
        "InvalidImageName",
        "ErrImageNeverPull",
        "CreateContainerConfigError",
        "CreateContainerError",
        "RunContainerError",
    }
)
# Why a container waits, where waiting helps if the registry is busy, and not if there is no such image.
_PULLING: Final = frozenset({"ErrImagePull", "ImagePullBackOff"})
_IMAGE_PATIENCE: Final = timedelta(minutes=3)
# Why a container waits, where nothing is wrong.
_ORDINARY: Final = frozenset({"ContainerCreating", "PodInitializing"})
# Why a pod failed, where its containers had no part in it: another attempt may fare better.
_FAULTS_OF_THE_CLUSTER: Final = frozenset(
    {
        "Evicted",
        "NodeLost",
        "NodeShutdown",
        "Preempting",
        "Shutdown",
        "Terminated",
        "UnexpectedAdmissionError",
    }
)
_OUT_OF_MEMORY: Final = "OOMKilled"
_UNKNOWN_EXIT: Final = -1


def status_of_pod(
    pod: Manifest,
    container: str = "",
    outputs: Mapping[str, Literal] | None = None,
    *,
    now: datetime | None = None,
    image_patience: timedelta = _IMAGE_PATIENCE,
) -> TaskStatus[Any]:
    """Where a pod's task stands; a failure comes with what the container has said.

    Args:
        pod: The pod.
        container: Whose end is the task's; empty for the pod's, which is that of all its containers.
        outputs: What goes with a success; None if `resolve_outputs` is to be asked.
        now: `ctx.now`; without it an image that can't be pulled is waited for as long as the task may wait.
        image_patience: How long an image is waited for, from the pod's creation, before the attempt has failed.
    """
    status: Mapping[str, Any] = pod.get("status", {})
    ended = _termination(status, container) if container else None
    if ended is not None:
        return (
            TaskStatus.succeeded(outputs)
            if ended.get("exitCode") == 0
            else _failed(pod, [(container, ended)])
        )
    match status.get("phase", "Pending"):
        case "Succeeded":
            return TaskStatus.succeeded(outputs)
        case "Failed":
            return _failed(pod, _terminations(status))
        case "Running":
            return TaskStatus.running()
        case "Pending":
            return _pulling(pod, status, now, image_patience) or _waiting(pod, status)
        case _:
            return TaskStatus.unknown(reason=f"the cluster does not know where {key_of(pod)} stands")


def termination_message(pod: Manifest, container: str = "") -> str:
    """What a container that has ended left in its `/dev/termination-log`; empty if it has not, or left nothing.

    Args:
        pod: The pod.
        container: Which of its containers; empty for the first.
    """
    name = container or pod["spec"]["containers"][0]["name"]
    ended = _termination(pod.get("status", {}), name)
    return "" if ended is None else ended.get("message", "")


def failed_beside(pod: Manifest, container: str) -> list[str]:
    """The containers that have failed beside the one that decides, as sentences: it may wait for them in vain.

    Init containers are not among them: the pod has failed with one, or starts it again.
    """
    ended = _terminations({"containerStatuses": pod.get("status", {}).get("containerStatuses", ())})
    return [_end_of(pod, name, end) for name, end in ended if name != container and end.get("exitCode") != 0]


def _pulling(
    pod: Manifest, status: Mapping[str, Any], now: datetime | None, patience: timedelta
) -> TaskStatus[Any] | None:
    """A pod with an image that can't be pulled, and the time for it is over or not; None for any other."""
    for one in _containers(status):
        waiting = one.get("state", {}).get("waiting", {})
        if waiting.get("reason") in _PULLING and now is not None:
            left = datetime.fromisoformat(pod["metadata"]["creationTimestamp"]) + patience - now
            told = (
                f"container {one.get('name')} of {key_of(pod)} waits for its image {one.get('image', '')!r}: "
                f"{_said(waiting['reason'], waiting.get('message', ''))}"
            )
            if left > timedelta(0):
                return TaskStatus.initializing(reason=told, check_after=left)
            message = f"{told}; see that the image exists and that the cluster may pull it"
            failure = Failure(code="USER:ImagePullFailed", message=message, kind=errors.ErrorKind.USER)
            return TaskStatus.retryable_failure(failure)
    return None


def _waiting(pod: Manifest, status: Mapping[str, Any]) -> TaskStatus[Any]:
    """A pod that has not begun, and why."""
    for one in _containers(status):
        waiting = one.get("state", {}).get("waiting", {})
        reason, message = waiting.get("reason", ""), waiting.get("message", "")
        if reason in _ORDINARY:
            return TaskStatus.initializing()
        told = f"container {one.get('name')} of {key_of(pod)} waits: {_said(reason, message)}"
        if reason in _HOPELESS:
            return TaskStatus.permanent_failure(told)
        if reason:
            return TaskStatus.initializing(reason=told)
    for condition in status.get("conditions", ()):
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            why = _said(condition.get("reason", ""), condition.get("message", ""))
            return TaskStatus.queued(reason=f"{key_of(pod)} has no place to run yet: {why}")
    return TaskStatus.queued()


def _failed(pod: Manifest, ended: Iterable[tuple[str, Mapping[str, Any]]]) -> TaskStatus[Any]:
    status: Mapping[str, Any] = pod.get("status", {})
    reason, message = status.get("reason", ""), status.get("message", "")
    broken = next(((name, end) for name, end in ended if end.get("exitCode") != 0), None)
    if broken is None or reason in _FAULTS_OF_THE_CLUSTER:
        text = f"{key_of(pod)} failed: {_said(reason, message) or 'the cluster does not say why'}"
        return TaskStatus.retryable_failure(
            Failure(code=f"SYSTEM:{reason or 'PodFailed'}", message=text, kind=errors.ErrorKind.SYSTEM)
        )
    name, end = broken
    text = _end_of(pod, name, end)
    if reason:
        text += f" ({_said(reason, message)})"
    is_out_of_memory = end.get("reason") == _OUT_OF_MEMORY
    code = "USER:OutOfMemory" if is_out_of_memory else "USER:ContainerFailed"
    advice = "; raise its memory limit, or make it use less" if is_out_of_memory else ""
    return TaskStatus.retryable_failure(Failure(code=code, message=text + advice, kind=errors.ErrorKind.USER))


def _end_of(pod: Manifest, name: str, end: Mapping[str, Any]) -> str:
    how = _said(end.get("reason", ""), end.get("message", "").strip())
    return (
        f"container {name} of {key_of(pod)} ended with exit code {end.get('exitCode', _UNKNOWN_EXIT)}: {how}"
    )


def _containers(status: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    yield from status.get("initContainerStatuses", ())
    yield from status.get("containerStatuses", ())


def _terminations(status: Mapping[str, Any]) -> Iterable[tuple[str, Mapping[str, Any]]]:
    for one in _containers(status):
        ended = one.get("state", {}).get("terminated")
        if ended is not None:
            yield one.get("name", ""), ended


def _termination(status: Mapping[str, Any], container: str) -> Mapping[str, Any] | None:
    return next((end for name, end in _terminations(status) if name == container), None)


def _said(reason: str, message: str) -> str:
    return f"{reason}: {message}" if reason and message else reason or message
