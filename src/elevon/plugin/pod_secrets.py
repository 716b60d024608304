"""The secrets of a task as a pod asks its cluster for them: by name, in variables and in a volume.

It exists so that every executor whose resources are pods, or hold some, asks in one way, and code finds its secrets
there as in any other process: under flytekit's names. A manifest is durable and read by many; it never holds a value.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, cast

import msgspec

from elevon import errors
from elevon.idl.messages import Secret, TaskTemplate
from elevon.primitives import secret_names
from elevon.records.resources import Manifest

VOLUME: Final = "elevon-secrets"
FOLDER: Final = secret_names.FOLDER
"""Where the volume is mounted."""


class PodSecrets(msgspec.Struct, frozen=True, kw_only=True):
    """What a container needs to be given the secrets of a task, in the JSON of Kubernetes.

    Attributes:
        references: Variables that hold one, each by `name` (of the Secret, which is the group) and `key`.
        variables: Others: what tells code where its secrets are.
        volumes: For the pod; none if no secret is asked for as a file.
        mounts: For the container, of those volumes.
    """

    references: Mapping[str, Mapping[str, str]]
    variables: Mapping[str, str]
    volumes: Sequence[Manifest]
    mounts: Sequence[Manifest]

    @classmethod
    def of(cls, template: TaskTemplate) -> "PodSecrets":
        """What the secrets need that a task asks for; nothing for a task that asks for none.

        Raises:
            UserError: One can't be asked of a cluster; names it.
        """
        references: dict[str, Mapping[str, str]] = {}
        variables: dict[str, str] = {}
        items: dict[str, dict[str, str]] = {}
        for secret in template.security_context.secrets:
            _check(template, secret)
            reference = {"name": secret.group, "key": secret.key}
            if secret.mount_requirement == Secret.FILE:
                path = secret_names.path(secret.group, secret.key, folder=FOLDER)
                items.setdefault(secret.group, {})[secret.key] = str(path.relative_to(FOLDER))
                variables[secret_names.FOLDER_SETTING] = FOLDER
                variables |= {secret.env_var: str(path)} if secret.env_var else {}
            else:
                variables[secret_names.PREFIX_SETTING] = secret_names.VARIABLE_PREFIX
                references[secret_names.variable(secret.group, secret.key)] = reference
                references |= {secret.env_var: reference} if secret.env_var else {}
        return cls(
            references=references,
            variables=variables,
            volumes=[_volume(items)] if items else [],
            mounts=[{"name": VOLUME, "mountPath": FOLDER, "readOnly": True}] if items else [],
        )

    def put_into(self, spec: Manifest, container: str) -> Manifest:
        """A PodSpec in which a container is given the secrets.

        They come before its other variables, which may so refer to them, and in the place of those of the same names.

        Raises:
            UserError: It has a volume of its own where that of the secrets would be.
        """
        if not self.references and not self.volumes:
            return spec
        volumes = [*(spec.get("volumes") or ()), *self.volumes]
        if [one.get("name") for one in volumes].count(VOLUME) > 1:
            raise errors.UserError(f"the pod has a volume {VOLUME!r} of its own: give it another name")
        containers = [
            self._given_to(one) if one.get("name") == container else one for one in spec["containers"]
        ]
        return {**spec, "containers": containers, **({"volumes": volumes} if volumes else {})}

    def _given_to(self, container: Manifest) -> Manifest:
        mounts: list[Manifest] = [*(container.get("volumeMounts") or ())]
        if self.mounts and any(Path(one.get("mountPath", "")) == Path(FOLDER) for one in mounts):
            raise errors.UserError(
                f"container {container['name']} mounts a volume of its own at {FOLDER}, where the secrets are that its "
                "task asks for as files: mount it elsewhere, or ask for them as variables"
            )
        own = [one for one in container.get("env") or () if one["name"] not in self._names]
        made: dict[str, Any] = {**container, "env": [*self._entries(), *own]}
        return {**made, "volumeMounts": [*mounts, *self.mounts]} if self.mounts else made

    def _entries(self) -> Iterator[Manifest]:
        for name, reference in self.references.items():
            yield {"name": name, "valueFrom": {"secretKeyRef": reference}}
        for name, value in self.variables.items():
            yield {"name": name, "value": value}

    @property
    def _names(self) -> set[str]:
        return {*self.references, *self.variables}


def check_are_named(template: TaskTemplate, resource: Manifest, executor_id: str) -> None:
    """Refuse a resource that passes over a secret of its task.

    Raises:
        UserError: It names one nowhere.
    """
    named = set(_named(resource)) if template.security_context.secrets else set[tuple[str, str]]()
    for secret in template.security_context.secrets:
        if (secret.group, secret.key) not in named:
            raise errors.UserError(
                f"task {template.id.name!r} asks for the secret {secret_names.describe(secret.group, secret.key)}, "
                f"which the executor {executor_id!r} does not give to its {resource.get('kind')}: leave it out of "
                "secret_requests"
            )


def _named(value: Any) -> Iterator[tuple[str, str]]:
    """The secrets that a manifest names anywhere: each by name and key, or as items of a volume's source."""
    if isinstance(value, Mapping):
        fields = cast("Manifest", value)
        name = fields.get("secretName") or fields.get("name")
        if isinstance(name, str):
            items: object = fields.get("items")
            for one in (fields, *(cast("list[Any]", items) if isinstance(items, list) else ())):
                if isinstance(one, Mapping) and isinstance(key := cast("Manifest", one).get("key"), str):
                    yield name, key
        for inner in fields.values():
            yield from _named(inner)
    elif isinstance(value, list):
        for inner in cast("list[Any]", value):
            yield from _named(inner)


def _volume(items: Mapping[str, Mapping[str, str]]) -> Manifest:
    """One for all groups: code is told one folder."""
    sources = [
        {"secret": {"name": group, "items": [{"key": key, "path": path} for key, path in keys.items()]}}
        for group, keys in items.items()
    ]
    return {"name": VOLUME, "projected": {"sources": sources}}


def _check(template: TaskTemplate, secret: Secret) -> None:
    described = secret_names.describe(secret.group, secret.key, secret.group_version)
    if not secret.group or not secret.key:
        raise errors.UserError(
            f"task {template.id.name!r} asks for the secret {described}, which lacks a part: name group and key"
        )
    if secret.group_version:
        raise errors.UserError(
            f"task {template.id.name!r} asks for the secret {described}, and Secrets of a cluster have no versions: "
            "leave group_version out, and name the version in the group"
        )
