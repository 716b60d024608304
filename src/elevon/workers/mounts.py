"""Secrets on their way into the process of one attempt: as variables, and as files in a folder of its own.

It owns what the process finds, under flytekit's names. The files are in the folder of a process, which the reaper
removes: none must ever be written to the attempt's directory, which stays.
"""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from elevon import errors, ports
from elevon.primitives import secret_names

_FOLDER = "secrets"


def check(job: ports.Job) -> None:
    """Refuse a secret that no variable can hold.

    Raises:
        UserError: It holds a null character, and is asked for as a variable.
    """
    for secret in job.secrets:
        if not secret.is_file and "\0" in secret.value:
            raise errors.UserError(
                f"{job.id.spelled}: the secret {secret_names.describe(secret.group, secret.key)} can't be a "
                "variable, because it holds a null character: ask for it with mount_requirement=Secret.MountType.FILE"
            )


def variables(secrets: Sequence[ports.JobSecret], folder: Path) -> dict[str, str]:
    """What the environment of the process gets.

    Args:
        secrets: What it is given.
        folder: Of the process; what `write` was or will be given.
    """
    made: dict[str, str] = {}
    for secret in secrets:
        if secret.is_file:
            made[secret_names.FOLDER_SETTING] = str(folder / _FOLDER)
            text = str(_path(secret, folder))
        else:
            text = secret.value
            made[secret_names.variable(secret.group, secret.key, secret.group_version)] = text
        if secret.env_var:
            made[secret.env_var] = text
    return made


def write(secrets: Sequence[ports.JobSecret], folder: Path) -> None:
    """Write those that are to be files, readable by their owner alone.

    Raises:
        OSError: They can't be written.
    """
    for secret in secrets:
        if secret.is_file:
            path = _path(secret, folder)
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(secret.value)


def remove(folder: Path) -> None:
    """Remove the files again; none at all is fine."""
    shutil.rmtree(folder / _FOLDER, ignore_errors=True)


def _path(secret: ports.JobSecret, folder: Path) -> Path:
    return secret_names.path(secret.group, secret.key, secret.group_version, str(folder / _FOLDER))
