"""One task or node on the wire: its template, its metadata, its overrides.

It owns where each setting goes in flyteidl; `queue_timeout`, for which there is no field, goes to `config` in
seconds. It must never look at more than one task.
"""

from datetime import timedelta
from typing import Any

import elevon
from elevon.idl import messages
from elevon.sdk import interfaces, resources, settings
from elevon.sdk.tasks import Task

QUEUE_TIMEOUT = "queue_timeout"


def task_template(task: Task[..., Any], identifier: messages.Identifier) -> messages.TaskTemplate:
    """The template of a task."""
    given = task.settings
    metadata = messages.TaskMetadata(
        runtime=messages.RuntimeMetadata(
            type=messages.RuntimeMetadata.FLYTE_SDK, version=elevon.__version__, flavor="python"
        ),
        timeout=_duration(given.timeout),
        retries=messages.RetryStrategy(retries=given.retries),
        interruptible=given.interruptible,  # pyright: ignore[reportArgumentType] - None leaves the oneof unset
    )
    config = dict(task.config())
    if given.queue_timeout is not None:
        config[QUEUE_TIMEOUT] = repr(given.queue_timeout.total_seconds())
    secrets = [secret.to_message() for secret in given.secret_requests]
    message = task.message()
    return messages.TaskTemplate(
        id=identifier,
        type=task.task_type,
        metadata=metadata,
        interface=interfaces.to_message(task.interface),
        custom=None if message is None else _packed(message),
        container=_container(task),
        security_context=messages.SecurityContext(secrets=secrets) if secrets else None,
        config=config,
    )


def node_metadata(
    name: str, task: Task[..., Any] | None, overrides: settings.NodeSettings | None
) -> messages.NodeMetadata:
    """Metadata of a node: the task's settings, as far as the call did not override them."""
    own = settings.TaskSettings() if task is None else task.settings
    over = overrides or settings.NodeSettings()
    interruptible = own.interruptible if over.interruptible is None else over.interruptible
    return messages.NodeMetadata(
        name=name,
        timeout=_duration(own.timeout if over.timeout is None else over.timeout),
        retries=messages.RetryStrategy(retries=own.retries if over.retries is None else over.retries),
        interruptible=interruptible,  # pyright: ignore[reportArgumentType] - None leaves the oneof unset
    )


def node_overrides(task: Task[..., Any], overrides: settings.NodeSettings) -> messages.TaskNodeOverrides:
    """What differs in the container of one node."""
    made = messages.TaskNodeOverrides(container_image=overrides.container_image)
    if overrides.requests is not None or overrides.limits is not None:
        requests = task.settings.requests if overrides.requests is None else overrides.requests
        limits = task.settings.limits if overrides.limits is None else overrides.limits
        made.resources.CopyFrom(resources.to_message(requests, limits))
    return made


def _container(task: Task[..., Any]) -> messages.Container | None:
    given = task.settings
    container = task.container()
    if container is None:
        settings.check_without_container(task.site, given)
        return None
    container.resources.CopyFrom(resources.to_message(given.requests, given.limits))
    container.image = container.image or given.container_image
    for name, value in sorted(given.environment.items()):
        container.env.append(messages.KeyValuePair(key=name, value=value))
    return container


def _packed(message: messages.Message) -> messages.Struct:
    from elevon.idl import customs  # most workflows have no message, and protobuf's JSON takes long to import

    return customs.pack(message)


def _duration(span: timedelta | None) -> messages.Duration | None:
    if span is None:
        return None
    made = messages.Duration()
    made.FromTimedelta(span)
    return made
