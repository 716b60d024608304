"""What the two sides of `sidecar` know of a pod: its spec as plain JSON, and what is wrong with one.

It owns how a spec is taken from an author, in Kubernetes' JSON or as an object of a client library, and every reason to
refuse one that no cluster could run, or that a task can't have. What a cluster makes of a good one is the cluster's
matter, so what is not named here passes through; which names there are is the matter of `corefields`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Final, cast

import msgspec

from elevon import errors
from elevon.primitives import quantities, suggestions
from elevon.tasktypes.sidecar import corefields

PodSpec = dict[str, Any]
_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_MISSING: Final = re.compile("Object missing required field `(?P<field>[^`]+)`")
_OF_THE_TASK: Final = ("image", "command", "args", "resources")
_Name = Annotated[str, msgspec.Meta(min_length=1)]


class _Known(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A part of a pod, as far as its types are looked at."""


class _Variable(_Known, frozen=True, kw_only=True):
    name: _Name
    value: str | None = None
    value_from: dict[str, Any] | None = None


class _Mount(_Known, frozen=True, kw_only=True):
    name: _Name
    mount_path: _Name
    sub_path: str | None = None
    read_only: bool | None = None


class _Port(_Known, frozen=True, kw_only=True):
    container_port: int
    name: str | None = None


class _Resources(_Known, frozen=True, kw_only=True):
    limits: dict[str, str | int | float] | None = None
    requests: dict[str, str | int | float] | None = None


class _Container(_Known, frozen=True, kw_only=True):
    name: _Name
    image: str | None = None
    command: list[str] | None = None
    args: list[str] | None = None
    env: list[_Variable] | None = None
    working_dir: str | None = None
    ports: list[_Port] | None = None
    volume_mounts: list[_Mount] | None = None
    resources: _Resources | None = None
    restart_policy: str | None = None
    termination_message_path: str | None = None
    termination_message_policy: str | None = None


class _Volume(_Known, frozen=True, kw_only=True):
    name: _Name


class _Pod(_Known, frozen=True, kw_only=True):
    containers: Annotated[list[_Container], msgspec.Meta(min_length=1)]
    init_containers: list[_Container] | None = None
    volumes: list[_Volume] | None = None
    restart_policy: str | None = None
    active_deadline_seconds: float | None = None
    termination_grace_period_seconds: float | None = None
    service_account_name: str | None = None
    node_selector: dict[str, str] | None = None
    host_network: bool | None = None


def plain(given: Any) -> Any:
    """A spec as JSON data; fields that an object leaves at None are left out.

    Objects of the `kubernetes` package tell by `attribute_map` how JSON spells their fields; others have a `to_dict`
    that spells them so itself.
    """
    names = getattr(given, "attribute_map", None)
    if isinstance(names, Mapping):
        fields = {spelled: getattr(given, name) for name, spelled in cast("Mapping[str, str]", names).items()}
        return {spelled: plain(value) for spelled, value in fields.items() if value is not None}
    if isinstance(given, Mapping):
        return {key: plain(value) for key, value in cast("Mapping[Any, Any]", given).items()}
    if isinstance(given, Sequence) and not isinstance(given, str | bytes):
        return [plain(item) for item in cast("Sequence[Any]", given)]
    if isinstance(given, datetime):
        return given.isoformat()
    told = getattr(given, "to_dict", None)
    return plain(told()) if callable(told) else given


def check(spec: Any, primary: str, *, is_handwritten: bool = False) -> None:
    """Refuse a spec that can't be the pod of a task.

    Args:
        spec: JSON data.
        primary: The container whose end is the task's.
        is_handwritten: Whether a field that Kubernetes does not have, as far as we know, is a mistake.

    Raises:
        UserError: Names the field, as `pod_spec.containers[1].image`, and the mend.
    """
    if not isinstance(spec, dict):
        raise errors.UserError(
            f"pod_spec is {spec!r}: give a PodSpec, as a dict in the spelling of Kubernetes"
        )
    given = cast("PodSpec", spec)
    for problem in (*_foreign(given, "pod_spec"), *_misspelled(given, "pod_spec")):
        raise errors.UserError(problem)
    for problem in corefields.unknown(given, "pod_spec") if is_handwritten else ():
        raise errors.UserError(problem)
    if given.get("containers") in (None, []):
        example = [{"name": primary or "primary"}]
        raise errors.UserError(
            f"pod_spec has no containers: write 'containers': {example} for the function alone, and add to the list "
            "what runs beside it"
        )
    try:
        pod = msgspec.convert(spec, _Pod)
    except msgspec.ValidationError as error:
        problem, _, path = str(error).partition(" - at `$")
        place = f"pod_spec{path.removesuffix('`')}"
        missing = _MISSING.fullmatch(problem)
        raise errors.UserError(
            f"{place} has no {missing['field']}: give it one"
            if missing
            else f"{place}: {problem[:1].lower()}{problem[1:]}"
        ) from None
    for problem in _problems(pod, primary):
        raise errors.UserError(problem)


def check_is_left_to_the_task(spec: PodSpec, primary: str) -> None:
    """Refuse what the primary container gets from its task, and what the spec says again.

    Raises:
        UserError: Names the field, and where to say it.
    """
    for index, container in enumerate(spec["containers"]):
        if container["name"] == primary:
            for field in _OF_THE_TASK:
                if container.get(field):
                    place = f"pod_spec.containers[{index}].{field}"
                    raise errors.UserError(f"{place} would be replaced by the task's own: {_MENDS[field]}")


_MENDS: Final = {
    "image": "leave it out, and give the task its container_image",
    "command": "leave it out, the function of the task is what the primary container runs",
    "args": "leave it out, the function of the task is what the primary container runs",
    "resources": "leave it out, and give the task its requests and limits",
}


def _foreign(value: Any, path: str) -> Iterator[str]:
    """What JSON can't hold."""
    if isinstance(value, dict):
        for name, item in cast("dict[Any, Any]", value).items():
            if not isinstance(name, str):
                yield f"{path} has the key {name!r}: write it as a text"
            yield from _foreign(item, f"{path}.{name}")
    elif isinstance(value, list):
        for index, item in enumerate(cast("list[Any]", value)):
            yield from _foreign(item, f"{path}[{index}]")
    elif value is not None and not isinstance(value, str | int | float | bool):
        yield f"{path} is {value!r}, a {type(value).__name__}: write it as JSON has it"


def _misspelled(part: PodSpec, path: str) -> Iterator[str]:
    """Fields in the spelling of Python, which a cluster would pass over, in the parts that are objects of fields."""
    for name, value in part.items():
        if "_" in name:
            head, *rest = name.split("_")
            camel = head + "".join(word.capitalize() for word in rest)
            yield f"{path}.{name} is no field in Kubernetes' JSON: write {camel}"
        if name in ("containers", "initContainers", "volumeMounts", "env", "volumes", "ports"):
            for index, item in enumerate(cast("list[Any]", value) if isinstance(value, list) else ()):
                if isinstance(item, dict):
                    yield from _misspelled(cast("PodSpec", item), f"{path}.{name}[{index}]")


def _problems(pod: _Pod, primary: str) -> Iterator[str]:
    if pod.restart_policy not in (None, "Never"):
        yield (
            f"pod_spec.restartPolicy is {pod.restart_policy}, and the pod of a task is not restarted by its cluster: "
            "leave it out, and give the task retries"
        )
    names = [one.name for one in pod.containers]
    if not primary:
        yield "primary_container_name is empty: name the container that runs the task"
    if primary not in names:
        yield (
            f"primary_container_name is {primary!r}, and pod_spec.containers has no such container: add one, or name "
            f"another; {suggestions.hint(primary, names)}"
        )
    seen: dict[str, str] = {}
    volumes = {one.name for one in pod.volumes or ()}
    for path, container in _placed(pod):
        if not _NAME.fullmatch(container.name):
            yield f"{path}.name is {container.name!r}: use lower-case letters, digits and dashes, at most 63"
        other = seen.setdefault(container.name, path)
        if other != path:
            yield f"{path}.name is {container.name!r}, and so is {other}.name: give each a name of its own"
        yield from _problems_of_container(container, path, volumes)
    if len(volumes) < len(pod.volumes or ()):
        yield "pod_spec.volumes has two of the same name: give each a name of its own"


def _placed(pod: _Pod) -> Iterator[tuple[str, _Container]]:
    for field, containers in (("initContainers", pod.init_containers or ()), ("containers", pod.containers)):
        for index, container in enumerate(containers):
            yield f"pod_spec.{field}[{index}]", container


def _problems_of_container(container: _Container, path: str, volumes: set[str]) -> Iterator[str]:
    for index, mount in enumerate(container.volume_mounts or ()):
        if mount.name not in volumes:
            yield (
                f"{path}.volumeMounts[{index}].name is {mount.name!r}, which pod_spec.volumes does not have: "
                f"{suggestions.hint(mount.name, volumes)}"
            )
    for index, variable in enumerate(container.env or ()):
        if set("=\0") & set(variable.name):
            yield f"{path}.env[{index}].name is {variable.name!r}, which no variable can be named: leave out '='"
    resources = container.resources or _Resources()
    for kind, amounts in (("limits", resources.limits), ("requests", resources.requests)):
        for name, amount in (amounts or {}).items():
            try:
                quantities.parse(str(amount))
            except errors.UserError as error:
                yield f"{path}.resources.{kind}.{name}: {error}"
