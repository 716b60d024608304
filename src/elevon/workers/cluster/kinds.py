"""The kinds of resources that a local cluster knows.

Whatever the kind, what runs is the containers of one pod, under one keeper, and what is kept is the status of that pod.
A kind says how its manifest becomes the pod, and what it shows of it.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from elevon import errors
from elevon.records.resources import Manifest, key_of, kind_of
from elevon.workers.cluster import applications, manifests, secrets
from elevon.workers.cluster.manifests import PodPlan
from elevon.workers.cluster.secrets import Handout, SecretRef

PENDING: Final[Manifest] = {"phase": "Pending"}
TERMINAL: Final = ("Succeeded", "Failed")


class _Behaviour(NamedTuple):
    """What a kind says.

    Attributes:
        plan: How a resource is run whose files are in a folder, with the secrets that it is given.
        shown: The status of a resource, by that of its pod, which is None before it was begun.
        has_ended: Whether a status is the last.
    """

    plan: Callable[[Manifest, Path, Handout], PodPlan]
    shown: Callable[[Manifest, Manifest | None], Manifest]
    has_ended: Callable[[Manifest], bool]


def _shown_pod(_resource: Manifest, pod: Manifest | None) -> Manifest:
    return PENDING if pod is None else pod


def _has_pod_ended(status: Manifest) -> bool:
    return status["phase"] in TERMINAL


_BEHAVIOURS: Final = {
    manifests.POD: _Behaviour(manifests.plan, _shown_pod, _has_pod_ended),
    applications.SPARK_APPLICATION: _Behaviour(
        applications.plan, applications.status_of, applications.has_ended
    ),
}
KINDS: Final = {kind.kind: kind for kind in _BEHAVIOURS}
"""The kinds by their names."""


def plan(resource: Manifest, folder: Path, handed: Handout = secrets.NOTHING) -> PodPlan:
    """How a resource is run whose files are in a folder.

    Args:
        resource: The resource.
        folder: Of its files.
        handed: The secrets that it is given.

    Raises:
        UserError: It is of no kind that is known, or asks for what can't be had here; names the field.
    """
    behaviour = _BEHAVIOURS.get(kind_of(resource))
    if behaviour is None:
        known = " and ".join(map(str, _BEHAVIOURS))
        raise errors.UserError(
            f"{key_of(resource)}: a local cluster runs {known}, and this is {kind_of(resource)}: configure a cluster "
            "that knows it"
        )
    return behaviour.plan(resource, folder, handed)


def asked(resource: Manifest, folder: Path) -> frozenset[SecretRef]:
    """The secrets that it names; none for one that an elevon of another version has let pass, and that can't be run."""
    try:
        return plan(resource, folder).asked
    except errors.UserError:
        return frozenset()


def shown(resource: Manifest, pod: Manifest | None) -> Manifest:
    """What a resource says of itself, by the status of its pod; None before that was begun."""
    return _BEHAVIOURS[kind_of(resource)].shown(resource, pod)


def has_ended(resource: Manifest) -> bool:
    """Whether what it says of itself is the last."""
    return _BEHAVIOURS[kind_of(resource)].has_ended(resource["status"])
