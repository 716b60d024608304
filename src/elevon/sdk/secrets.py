"""Secrets of a task: how it asks for them, and how its code reads them.

It owns `Secret`, which names a secret and never holds one, and what `current_context().secrets` is. A template carries
names alone; the values come with the start of each attempt.
"""

import enum
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from elevon import errors
from elevon.idl import messages
from elevon.primitives import secret_names

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class SecretMount(enum.Enum):
    """How a task is given a secret."""

    ANY = messages.Secret.ANY
    ENV_VAR = messages.Secret.ENV_VAR
    FILE = messages.Secret.FILE


@dataclass(frozen=True, slots=True)
class Secret:
    """The name of a secret that a task needs; for `@task(secret_requests=[...])`.

    Attributes:
        group: The group that it is kept in.
        key: Its name there.
        group_version: Which version; empty for the one there is.
        mount_requirement: `Secret.MountType.ENV_VAR` or `FILE`; `ANY` leaves it to whoever runs the task.
        env_var: A variable of this name too: with the secret, or for `FILE` with the path of the file.

    Raises:
        UserError: It can't be the name of one.
    """

    MountType: ClassVar[type[SecretMount]] = SecretMount

    group: str
    key: str
    group_version: str = ""
    mount_requirement: SecretMount = SecretMount.ANY
    env_var: str = ""

    def __post_init__(self) -> None:
        if not self.group or not self.key:
            raise errors.UserError(f"Secret(group={self.group!r}, key={self.key!r}) lacks a part: name both")
        secret_names.variable(self.group, self.key, self.group_version)
        if self.env_var and not _VARIABLE.fullmatch(self.env_var):
            raise errors.UserError(
                f"env_var={self.env_var!r} is no name of a variable: use letters, digits and underscores"
            )

    def to_message(self) -> messages.Secret:
        """As the wire carries it."""
        return messages.Secret(
            group=self.group,
            group_version=self.group_version,
            key=self.key,
            mount_requirement=self.mount_requirement.value,
            env_var=self.env_var,
        )


class TaskSecrets:
    """What the code of a task reads its secrets from.

    Args:
        variables: Where they are looked up; the environment of this process unless given.
    """

    def __init__(self, variables: Mapping[str, str] = os.environ) -> None:
        self._variables = variables

    def get(self, group: str, key: str, group_version: str = "") -> str:
        """A secret that the task has asked for, from its variable or else its file.

        In a task that is called as a plain function, whatever is set for this process.

        Raises:
            UserError: The task was not given it.
        """
        prefix = self._variables.get(secret_names.PREFIX_SETTING, secret_names.VARIABLE_PREFIX)
        folder = self._variables.get(secret_names.FOLDER_SETTING, secret_names.FOLDER)
        value = self._variables.get(secret_names.variable(group, key, group_version, prefix))
        if value is not None:
            return value.strip()
        path = secret_names.path(group, key, group_version, folder)
        try:
            return path.read_text(encoding="utf-8").strip()
        except OSError:
            raise errors.UserError(
                f"this task was not given the secret {secret_names.describe(group, key, group_version)}: "
                f"ask for it by @task(secret_requests=[Secret(group={group!r}, key={key!r})])"
            ) from None
