"""Resources of a cluster: what names one, and what is told of many.

A resource itself is its manifest, plain JSON data as Kubernetes spells it: `apiVersion`, `kind`, `metadata`, `spec`,
`status`. This module owns how its parts are read; what a kind means is its executor's matter.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias, cast

import msgspec

Manifest: TypeAlias = Mapping[str, Any]
DATA_DIR_ANNOTATION: Final = "elevon.dev/data-dir"
"""The attempt's directory on the engine's machine: a cluster on the same machine leaves the output there."""

MAIN_CONTAINER_ANNOTATION: Final = "kubectl.kubernetes.io/default-container"
"""Kubernetes' own way to say whose output is that of a pod; without it the containers have one between them."""


class ResourceKind(msgspec.Struct, frozen=True):
    """A kind of resources.

    Attributes:
        api_version: Group and version: `v1`, `sparkoperator.k8s.io/v1beta2`.
        kind: The kind's name: `Pod`.
    """

    api_version: str
    kind: str

    def __str__(self) -> str:
        return f"{self.api_version}/{self.kind}"


class ResourceKey(msgspec.Struct, frozen=True):
    """What names one resource; another one may have the same name after it.

    Attributes:
        kind: Its kind.
        namespace: Its namespace.
        name: Unique in the namespace among those of its kind.
    """

    kind: ResourceKind
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind.kind} {self.namespace}/{self.name}"


class ResourceChanges(msgspec.Struct, frozen=True, kw_only=True):
    """What is new among the resources of a kind.

    Attributes:
        cursor: Where to go on from.
        is_whole: `present` are all that there are: what is known besides is gone.
        present: Those that were made or changed, as they are now.
        gone: Those that are no more, as they were last.
    """

    cursor: str
    is_whole: bool = False
    present: Sequence[Manifest] = ()
    gone: Sequence[Manifest] = ()


def kind_of(resource: Manifest) -> ResourceKind:
    """The kind; its parts are empty where the manifest does not say."""
    return ResourceKind(resource.get("apiVersion", ""), resource.get("kind", ""))


def key_of(resource: Manifest) -> ResourceKey:
    """The name; its parts are empty where the manifest does not say."""
    metadata = resource.get("metadata", {})
    return ResourceKey(kind_of(resource), metadata.get("namespace", ""), metadata.get("name", ""))


def uid_of(resource: Manifest) -> str:
    """What the cluster calls this one, and never another; empty before it was created."""
    return resource.get("metadata", {}).get("uid", "")


def is_being_deleted(resource: Manifest) -> bool:
    """Whether somebody has asked for its end: it goes as soon as it has ended and no finalizer holds it."""
    return "deletionTimestamp" in resource.get("metadata", {})


def has_labels(resource: Manifest, labels: Mapping[str, str]) -> bool:
    """Whether it carries all of them."""
    return labels.items() <= resource.get("metadata", {}).get("labels", {}).items()


def without_nulls(value: Any) -> Any:
    """JSON data without the fields that are null, which say of a resource what they would say by not being there."""
    if isinstance(value, Mapping):
        fields = cast("Manifest", value).items()
        return {name: without_nulls(field) for name, field in fields if field is not None}
    return [without_nulls(item) for item in cast("list[Any]", value)] if isinstance(value, list) else value


def merged(target: Any, patch: Any) -> Any:
    """A JSON merge patch (RFC 7396): objects are merged, None removes, everything else replaces."""
    if not isinstance(patch, Mapping):
        return patch
    result: dict[str, Any] = dict(cast("Manifest", target)) if isinstance(target, Mapping) else {}
    for name, value in cast("Manifest", patch).items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result
