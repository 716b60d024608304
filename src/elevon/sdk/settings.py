"""How a task is to be run: retries, time limits, resources, environment, image.

It owns the keywords of `@task` and of `with_overrides`, their checks, and their defaults. It must never ignore a
setting: what can't be honoured is refused here.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypedDict, cast

from elevon import errors
from elevon.primitives import suggestions
from elevon.sdk import definitions
from elevon.sdk.resources import Resources, check_limits
from elevon.sdk.secrets import Secret

DEFAULT_IMAGE = "elevon:py3.11"
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_NODE_NAME = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")
_NODE_NAME_LIMIT = 63
_OF_CONTAINERS = ("requests", "limits", "environment", "container_image")


class TaskOptions(TypedDict, total=False):
    """Keywords of `@task` and of every task class.

    Attributes:
        retries: How often a failed attempt is repeated; 0 for never, the default.
        timeout: How long one attempt may run.
        queue_timeout: How long one attempt may wait for its start.
        requests: Resources that it needs.
        limits: Resources that it must not exceed.
        environment: Variables of its process.
        secret_requests: Secrets that its process is given; the template carries their names alone.
        interruptible: Whether it may run on a machine that can be taken away.
        container_image: Image that it runs in, where it runs in a container; `elevon:py3.11` unless given.
        cache: Reserved; refused until results are cached.
    """

    retries: int
    timeout: timedelta
    queue_timeout: timedelta
    requests: Resources
    limits: Resources
    environment: Mapping[str, str]
    secret_requests: Sequence[Secret]
    interruptible: bool
    container_image: str
    cache: bool


class NodeOptions(TypedDict, total=False):
    """Keywords of `with_overrides`: what differs for one call in a workflow.

    Attributes:
        node_name: Id of the node, instead of `n0`, `n1`, ...; lower-case letters, digits and dashes.
        retries: As of the task.
        timeout: As of the task.
        requests: As of the task.
        limits: As of the task.
        interruptible: As of the task.
        container_image: As of the task.
        after: Results of calls that must have ended before this one starts, though it does not use them.
    """

    node_name: str
    retries: int
    timeout: timedelta
    requests: Resources
    limits: Resources
    interruptible: bool
    container_image: str
    after: Sequence[object]


@dataclass(frozen=True, slots=True)
class TaskSettings:
    """The settings of a task, checked. Attributes as in `TaskOptions`."""

    retries: int = 0
    timeout: timedelta | None = None
    queue_timeout: timedelta | None = None
    requests: Resources = field(default_factory=Resources)
    limits: Resources = field(default_factory=Resources)
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    secret_requests: tuple[Secret, ...] = ()
    interruptible: bool | None = None
    container_image: str = DEFAULT_IMAGE


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """The overrides of one node, checked. Attributes as in `NodeOptions`; None or empty leaves the task's own."""

    node_name: str = ""
    retries: int | None = None
    timeout: timedelta | None = None
    requests: Resources | None = None
    limits: Resources | None = None
    interruptible: bool | None = None
    container_image: str = ""
    after: tuple[object, ...] = ()


def of_task(site: definitions.Site, options: Mapping[str, Any]) -> TaskSettings:
    """Check the keywords of a task.

    Raises:
        UserError: A keyword is unknown, or its value is not of its type or range.
    """
    given = dict(options)
    _check_all(site, given, TaskOptions.__annotations__)
    if given.pop("cache", False):
        raise site.error("cache=True is not supported yet: leave it out, the task runs every time")
    given["secret_requests"] = tuple(given.get("secret_requests", ()))
    settings = TaskSettings(**given)
    for name, value in settings.environment.items():
        if not isinstance(value, str) or not _VARIABLE.fullmatch(str(name)):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise site.error(f"environment[{name!r}]={value!r} is no variable: names and values are strings")
    _check_limits(site, settings.requests, settings.limits)
    return settings


def of_node(site: definitions.Site, options: Mapping[str, Any]) -> NodeSettings:
    """Check the keywords of `with_overrides`.

    Raises:
        UserError: A keyword is unknown, or its value is not of its type or range.
    """
    _check_all(site, options, NodeOptions.__annotations__)
    given = dict(options)
    given["after"] = tuple(given.get("after", ()))
    settings = NodeSettings(**given)
    _check_limits(site, settings.requests or Resources(), settings.limits or Resources())
    name = settings.node_name
    if name and (not _NODE_NAME.fullmatch(name) or len(name) > _NODE_NAME_LIMIT):
        raise site.error(
            f"node_name={name!r} is no node name: use lower-case letters, digits and dashes, at most 63"
        )
    return settings


def check_without_container(site: definitions.Site, settings: TaskSettings | NodeSettings) -> None:
    """Refuse what would be dropped, because the task has no container to carry it.

    Raises:
        UserError: One of the settings of containers is set.
    """
    defaults = type(settings)()
    for name in _OF_CONTAINERS:
        value = getattr(settings, name, None)
        if value != getattr(defaults, name, None):
            raise site.error(
                f"{name}={value!r} has no effect, because the task has no process of its own: leave it out, "
                "or return a process from container() of its class"
            )


def check_for_cluster(site: definitions.Site, settings: TaskSettings) -> None:
    """Refuse what the pods of a cluster can't be given.

    Raises:
        UserError: A secret has a version.
    """
    for secret in settings.secret_requests:
        if secret.group_version:
            raise site.error(
                f"{secret} has a version, and Secrets of a cluster have none: leave group_version out, and name the "
                "version in the group"
            )


def _check_limits(site: definitions.Site, requests: Resources, limits: Resources) -> None:
    try:
        check_limits(requests, limits)
    except errors.UserError as error:
        raise site.error(str(error)) from None


def _check_all(site: definitions.Site, options: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    for name, value in options.items():
        if name not in known:
            raise site.error(f"there is no setting {name!r}: {suggestions.hint(name, known)}")
        problem = _problem(name, value)
        if problem:
            raise site.error(f"{name}={value!r} {problem}")


def _problem(name: str, value: object) -> str:
    """What is wrong with a setting's value; empty if nothing is."""
    match name:
        case "retries" if type(value) is not int or value < 0:
            return "is no count: use 0 or more"
        case "timeout" | "queue_timeout" if not isinstance(value, timedelta) or value <= timedelta(0):
            return "is no span of time: use a positive datetime.timedelta"
        case "requests" | "limits" if not isinstance(value, Resources):
            return "is no amount of resources: use elevon.Resources(cpu=..., mem=...)"
        case "environment" if not isinstance(value, Mapping):
            return "is no environment: use a dict of strings"
        case "interruptible" | "cache" if not isinstance(value, bool):
            return "is neither True nor False"
        case "container_image" | "node_name" if not isinstance(value, str) or not value:
            return "is no name: use a string that is not empty"
        case "secret_requests" if not _are_secrets(cast("object", value)):
            return "is no sequence of secrets: use [elevon.Secret(group=..., key=...)]"
        case "after" if isinstance(value, str) or not isinstance(value, Sequence):
            return "is no sequence of results: use after=[first, second]"
        case _:
            return ""


def _are_secrets(value: object) -> bool:
    if isinstance(value, str) or not isinstance(value, Sequence):
        return False
    return all(isinstance(each, Secret) for each in cast("Sequence[object]", value))
