"""The target `k8s_pod` of a template: a whole pod in place of one container, as flytekit's PodTemplate sends it.

It owns how such a template finds its executor, which container of the pod is the task's, and the names that Kubernetes
has for resources. A template of a type is one thing with a container and another with a pod: whoever serves `TYPE` for
commands registers for `TYPE`, and whoever serves it as pods for `TYPE/k8s_pod`. Where nobody does, the executor of
`TYPE` gets these too.
"""

from collections.abc import Mapping
from typing import Final

from elevon.idl.messages import Resources, TaskTemplate

_TARGET: Final = "/k8s_pod"
PRIMARY_CONTAINER: Final = "primary_container_name"
"""The setting in `TaskTemplate.config` by which flytekit names the container that is the task's."""
_RESOURCE_NAMES: Final = {
    Resources.CPU: "cpu",
    Resources.MEMORY: "memory",
    Resources.GPU: "nvidia.com/gpu",
    Resources.STORAGE: "storage",
    Resources.EPHEMERAL_STORAGE: "ephemeral-storage",
}


def served_type(template: TaskTemplate) -> str:
    """What an executor registers for that is to get this template."""
    return pod_type(template.type) if template.HasField("k8s_pod") else template.type


def pod_type(task_type: str) -> str:
    """What an executor registers for that serves pods of a type."""
    return f"{task_type}{_TARGET}"


def plain_type(served: str) -> str:
    """The task type, whatever its template's target."""
    return served.removesuffix(_TARGET)


def primary_container_of(template: TaskTemplate) -> str:
    """The container that is the task's; empty if the template does not name it."""
    return template.k8s_pod.primary_container_name or template.config.get(PRIMARY_CONTAINER, "")


def amounts_of(resources: Resources) -> Mapping[str, Mapping[str, str]]:
    """Requests and limits as a container of Kubernetes has them; without what is not said."""
    kinds = {"requests": resources.requests, "limits": resources.limits}
    return {
        kind: {_RESOURCE_NAMES[entry.name]: entry.value for entry in entries}
        for kind, entries in kinds.items()
        if entries
    }
