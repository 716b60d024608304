"""The fields of a pod, as Kubernetes 1.37 has them (core/v1), and what in a pod written by hand is none of them.

A cluster passes over a field that it does not know, and so does whoever reads the pod: a `comand` is then missed when
the container runs, or never.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

import msgspec

from elevon.primitives import suggestions


class _Kind(msgspec.Struct, frozen=True):
    """A kind of object.

    Attributes:
        title: What Kubernetes calls it, with an article.
        fields: All that it has.
        parts: The kind of what is in some of them, in a list or alone.
    """

    title: str
    fields: frozenset[str]
    parts: Mapping[str, "_Kind"] = {}


def _named(text: str) -> frozenset[str]:
    return frozenset(text.split())


_SOURCE: Final = _Kind(
    "an EnvVarSource", _named("configMapKeyRef fieldRef fileKeyRef resourceFieldRef secretKeyRef")
)
_VARIABLE: Final = _Kind(
    "an EnvVar",
    _named("name value valueFrom"),
    {"valueFrom": _SOURCE},
)
_VARIABLES: Final = _Kind("an EnvFromSource", _named("configMapRef prefix secretRef"))
_MOUNT: Final = _Kind(
    "a VolumeMount",
    _named("bindMountOptions mountPath mountPropagation name readOnly recursiveReadOnly subPath subPathExpr"),
)
_PORT: Final = _Kind("a ContainerPort", _named("containerPort hostIP hostPort name protocol"))
_RESOURCES: Final = _Kind("a ResourceRequirements", _named("claims limits requests"))
_EMPTY_DIR: Final = _Kind("an EmptyDirVolumeSource", _named("medium mode sizeLimit"))
_VOLUME: Final = _Kind(
    "a Volume",
    _named(
        """
        awsElasticBlockStore azureDisk azureFile cephfs cinder configMap csi downwardAPI emptyDir
        ephemeral fc flexVolume flocker gcePersistentDisk gitRepo glusterfs hostPath image iscsi name
        nfs persistentVolumeClaim photonPersistentDisk portworxVolume projected quobyte rbd scaleIO
        secret storageos vsphereVolume
        """
    ),
    {"emptyDir": _EMPTY_DIR},
)
_CONTAINER: Final = _Kind(
    "a Container",
    _named(
        """
        args command env envFrom image imagePullPolicy lifecycle livenessProbe name ports readinessProbe
        resizePolicy resources restartPolicy restartPolicyRules securityContext startupProbe stdin
        stdinOnce terminationMessagePath terminationMessagePolicy tty volumeDevices volumeMounts
        workingDir
        """
    ),
    {
        "env": _VARIABLE,
        "envFrom": _VARIABLES,
        "volumeMounts": _MOUNT,
        "ports": _PORT,
        "resources": _RESOURCES,
    },
)
_POD: Final = _Kind(
    "a PodSpec",
    _named(
        """
        activeDeadlineSeconds affinity automountServiceAccountToken containers dnsConfig dnsPolicy
        enableServiceLinks ephemeralContainers evictionResponders hostAliases hostIPC hostNetwork
        hostPID hostUsers hostname hostnameOverride imagePullSecrets initContainers nodeName
        nodeSelector os overhead preemptionPolicy priority priorityClassName readinessGates
        resourceClaims resources restartPolicy runtimeClassName schedulerName schedulingGates
        schedulingGroup securityContext serviceAccount serviceAccountName setHostnameAsFQDN
        shareProcessNamespace subdomain terminationGracePeriodSeconds tolerations
        topologySpreadConstraints volumes
        """
    ),
    {
        "containers": _CONTAINER,
        "initContainers": _CONTAINER,
        "volumes": _VOLUME,
    },
)


def unknown(spec: Mapping[str, Any], path: str) -> Iterator[str]:
    """Every field of a PodSpec, and of what is in it, that Kubernetes does not have; each as a sentence.

    Args:
        spec: JSON data.
        path: Where it stands.
    """
    return _unknown(spec, path, _POD)


def _unknown(given: Any, path: str, kind: _Kind) -> Iterator[str]:
    if isinstance(given, list):
        for index, item in enumerate(cast("list[Any]", given)):
            yield from _unknown(item, f"{path}[{index}]", kind)
    elif isinstance(given, Mapping):
        for name, value in cast("Mapping[str, Any]", given).items():
            if name not in kind.fields:
                yield f"{path}.{name} is no field of {kind.title}: {suggestions.hint(name, kind.fields)}"
            elif name in kind.parts:
                yield from _unknown(value, f"{path}.{name}", kind.parts[name])
