"""The author's side of `sidecar`: a function that runs beside other containers."""

from collections.abc import Callable, Mapping
from typing import Any, Unpack, cast

from elevon import errors
from elevon.idl.messages import Struct
from elevon.sdk import settings, tasks
from elevon.sdk.tasks import P, R_co
from elevon.tasktypes.sidecar import podspecs
from elevon.tasktypes.sidecar.sidecar_pb2 import SidecarJob


class SidecarTask(tasks.RunnableTask[P, R_co]):
    """Runs its function in the primary container of a pod; with its end the other containers are ended."""

    task_type = "sidecar"

    def __init__(
        self,
        function: Callable[P, R_co],
        pod_spec: Any = None,
        primary_container_name: str = "primary",
        annotations: Mapping[str, str] | None = None,
        labels: Mapping[str, str] | None = None,
        **options: Unpack[settings.TaskOptions],
    ) -> None:
        """Wrap a function.

        Args:
            function: Any plain function with annotations.
            pod_spec: A PodSpec in the JSON of Kubernetes, as a dict, or an object that has it such as a
                `kubernetes.client.V1PodSpec`. Image, command, arguments and resources of the primary container are
                those of the task; placeholders such as `{{.inputs.NAME}}` are replaced in the commands of all others.
            primary_container_name: Which of the containers runs the function.
            annotations: Of the pod.
            labels: Of the pod.
            **options: Settings of any task.

        Raises:
            UserError: It is no pod that could run, or has no such container; a setting is not supported.
        """
        super().__init__(function, **options)
        if pod_spec is None:
            raise self.site.error("has no pod_spec: write @sidecar_task(pod_spec={'containers': [...]})")
        settings.check_for_cluster(self.site, self.settings)
        self.pod_spec: podspecs.PodSpec = podspecs.plain(pod_spec)
        self.primary_container_name = primary_container_name
        self.annotations = self._texts("annotations", annotations)
        self.labels = self._texts("labels", labels)
        try:
            # An object of a client library has no misspelled fields, and may have newer ones than we know.
            podspecs.check(
                self.pod_spec, primary_container_name, is_handwritten=isinstance(pod_spec, Mapping)
            )
            podspecs.check_is_left_to_the_task(self.pod_spec, primary_container_name)
        except errors.UserError as error:
            raise self.site.error(str(error)) from None

    def message(self) -> SidecarJob:
        """The pod, with the primary container as the author gave it."""
        spec = Struct()
        spec.update(self.pod_spec)
        return SidecarJob(
            pod_spec=spec,
            primary_container_name=self.primary_container_name,
            annotations=self.annotations,
            labels=self.labels,
        )

    def _texts(self, name: str, given: object) -> dict[str, str]:
        if given is None:
            return {}
        items = cast("Mapping[Any, Any]", given).items() if isinstance(given, Mapping) else None
        if items is None or not all(isinstance(part, str) for item in items for part in item):
            raise self.site.error(f"{name}={given!r} is no mapping of texts: write it as a dict of strings")
        return dict(items)


sidecar_task = tasks.task_decorator(SidecarTask)
