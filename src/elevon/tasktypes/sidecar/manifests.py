"""From a template to the pod that is made of it.

It owns what the primary container gets from its task, what all containers get from the engine, and where a template
keeps its pod: in the message, with the primary container beside it, or whole as the target `k8s_pod`.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, cast

import msgspec

from elevon import errors
from elevon.idl import literals, pods
from elevon.idl.messages import Container, DataLoadingConfig, LiteralMap, TaskTemplate
from elevon.plugin import placeholders
from elevon.plugin.pod_secrets import PodSecrets
from elevon.records.resources import MAIN_CONTAINER_ANNOTATION, Manifest
from elevon.tasktypes.sidecar import podspecs
from elevon.tasktypes.sidecar.podspecs import PodSpec
from elevon.tasktypes.sidecar.sidecar_pb2 import SidecarJob

PRIMARY_ANNOTATION: Final = "primary_container_name"
"""Says of a pod which of its containers is the task's, as Flyte's propeller says it."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """The pod that a template asks for.

    Attributes:
        spec: JSON data.
        primary: The container whose end is the task's.
        secrets: What it is given.
        labels: Of the pod.
        annotations: Of the pod.
    """

    spec: PodSpec
    primary: str
    secrets: PodSecrets
    labels: Mapping[str, str]
    annotations: Mapping[str, str]

    @classmethod
    def of(cls, template: TaskTemplate, job: SidecarJob) -> "Asked":
        """The pod of a template, whichever way it says it.

        Raises:
            UserError: It is no pod that could be a task's, or asks for something that can't be had; names the field.
        """
        secrets = PodSecrets.of(template)
        made = _of_target(template, secrets) if template.HasField("k8s_pod") else _of_message(job, secrets)
        podspecs.check(made.spec, made.primary)
        if template.HasField("container"):
            (primary,) = (one for one in made.spec["containers"] if one["name"] == made.primary)
            _fill(primary, template.container)
        return made


def manifest_of(
    asked: Asked, place: placeholders.Place, inputs: LiteralMap, variables: Iterable[Mapping[str, str]]
) -> Manifest:
    """The pod.

    Args:
        asked: What the template asks for; it is used up.
        place: Whose pod it is.
        inputs: Of the task, for placeholders.
        variables: What all containers get, and what the primary one gets besides.
    """
    for_all, for_primary = variables
    spec = asked.spec
    for container in (*(spec.get("initContainers") or ()), *spec["containers"]):
        for field in ("command", "args"):
            if container.get(field):
                container[field] = list(placeholders.replaced(container[field], place, inputs, _quoted))
        if not container.get("terminationMessagePolicy"):
            # What it wrote last is why it failed, where it leaves no message; without this an exit code alone is told.
            container["terminationMessagePolicy"] = "FallbackToLogsOnError"
        is_primary = container["name"] == asked.primary
        _set_variables(container, {**for_all, **for_primary} if is_primary else for_all)
    spec = asked.secrets.put_into(spec, asked.primary)
    own = {PRIMARY_ANNOTATION: asked.primary, MAIN_CONTAINER_ANNOTATION: asked.primary}
    metadata = {"labels": asked.labels, "annotations": {**asked.annotations, **own}}
    return {"metadata": metadata, "spec": {**spec, "restartPolicy": "Never"}}


def _quoted(text: str) -> str:
    """A text that comes to its container as it is: Kubernetes takes `$(NAME)` for a variable, and `$$` for a dollar."""
    return text.replace("$", "$$")


def _of_target(template: TaskTemplate, secrets: PodSecrets) -> Asked:
    pod = template.k8s_pod
    _check_data(template.id.name, pod.data_config)
    return Asked(
        spec=literals.plain_of(pod.pod_spec),
        primary=pods.primary_container_of(template),
        secrets=secrets,
        labels=dict(pod.metadata.labels),
        annotations=dict(pod.metadata.annotations),
    )


def _of_message(job: SidecarJob, secrets: PodSecrets) -> Asked:
    return Asked(
        spec=literals.plain_of(job.pod_spec),
        primary=job.primary_container_name,
        secrets=secrets,
        labels=dict(job.labels),
        annotations=dict(job.annotations),
    )


def _check_data(name: str, config: DataLoadingConfig) -> None:
    """Refuse what Flyte's copilot would do: flytekit switches it on always, and says where only if it is to."""
    if config.enabled and (config.input_path or config.output_path):
        raise errors.UserError(
            f"task {name}: input_data_dir and output_data_dir need a copilot beside the container, and there is none: "
            "use {{.inputs.NAME}} in its command, and have it write outputs.pb into {{.outputPrefix}}"
        )


def _fill(primary: PodSpec, container: Container) -> None:
    """Give the primary container what is its task's."""
    if container.image:
        primary["image"] = container.image
    if container.command or container.args:
        primary |= {"command": list(container.command), "args": list(container.args)}
    amounts = pods.amounts_of(container.resources)
    if amounts:
        resources = cast("dict[str, Any]", primary.get("resources") or {})
        primary["resources"] = {
            kind: {**(resources.get(kind) or {}), **amounts.get(kind, {})}
            for kind in dict.fromkeys((*resources, *amounts))
        }
    _set_variables(primary, {pair.key: pair.value for pair in container.env})


def _set_variables(container: PodSpec, variables: Mapping[str, str]) -> None:
    """Set variables, also those that the container has already."""
    kept = [one for one in container.get("env") or () if one["name"] not in variables]
    container["env"] = [*kept, *({"name": name, "value": value} for name, value in variables.items())]
