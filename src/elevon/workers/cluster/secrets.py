"""Secrets on their way into a pod: what it asks for, what its keeper is handed, and the files that containers find.

A manifest names secrets as Kubernetes does, and is durable; a value is not. The engine looks the values up when a pod
is begun and hands them to the keeper through a pipe. From then on they are in the keeper's memory, in the environments
of containers, and in the files of volumes, whose folder is in memory where the system has a place for that, and goes
with the pod. This module must never put a value into a manifest, a command line, a log or an error.
"""

import contextlib
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

import msgspec

from elevon import errors, ports
from elevon.primitives import secret_names

_IN_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - a folder of our own in it, for ourselves alone
_FOLDER: Final = "secrets"
_PRIVATE: Final = 0o700


class SecretRef(msgspec.Struct, frozen=True, order=True):
    """What names one value, as Kubernetes does.

    Attributes:
        name: Of the Secret: the group.
        key: Which of its values.
    """

    name: str
    key: str


class SecretFile(msgspec.Struct, frozen=True):
    """A value in a file of a volume.

    Attributes:
        path: Where it goes.
        value: What is in it.
        mode: Who may read it.
    """

    path: Path
    value: str
    mode: int

    def __repr__(self) -> str:
        return f"SecretFile({self.path})"


class Handout(msgspec.Struct, frozen=True, kw_only=True):
    """What a keeper is handed.

    Attributes:
        values: By the names of the Secrets, and then by their keys.
        problems: Likewise, why there is no value.
    """

    values: Mapping[str, Mapping[str, str]] = {}
    problems: Mapping[str, Mapping[str, str]] = {}

    def value(self, ref: SecretRef) -> str | None:
        """The value; None if there is none."""
        return self.values.get(ref.name, {}).get(ref.key)

    def problem(self, ref: SecretRef) -> str:
        """Why there is no value."""
        nobody = f"nobody has looked up {secret_names.describe(ref.name, ref.key)}"
        return self.problems.get(ref.name, {}).get(ref.key, nobody)

    def all_values(self) -> Iterable[str]:
        """Every value, for whoever masks them."""
        return (value for group in self.values.values() for value in group.values())

    def __repr__(self) -> str:
        return "Handout()"


NOTHING: Final = Handout()


async def look_up(asked: Iterable[SecretRef], store: ports.SecretStore) -> Handout:
    """What there is of what a pod asks for, and why there is no more.

    Raises:
        UnavailableError: One can't be read now.
    """
    values: dict[str, dict[str, str]] = {}
    problems: dict[str, dict[str, str]] = {}
    for ref in sorted(asked):
        try:
            value = await store.get(ref.name, ref.key)
            value.encode()
        except (errors.NotFoundError, errors.UserError) as error:
            problems.setdefault(ref.name, {})[ref.key] = str(error)
        except UnicodeEncodeError:  # which quotes what it could not encode
            described = secret_names.describe(ref.name, ref.key)
            problems.setdefault(ref.name, {})[ref.key] = f"the secret {described} is no text in UTF-8"
        else:
            values.setdefault(ref.name, {})[ref.key] = value
    return Handout(values=values, problems=problems)


def send(descriptor: int, handout: Handout) -> None:
    """Write a handout into a pipe, and close it; blocks until it is read, or its reader is gone."""
    with contextlib.suppress(BrokenPipeError), os.fdopen(descriptor, "wb") as pipe:
        pipe.write(msgspec.json.encode(handout))


def receive(descriptor: int) -> Handout | None:
    """Read the handout that comes through a pipe; None if who was to send it ended in the middle."""
    with os.fdopen(descriptor, "rb", closefd=False) as pipe:
        content = pipe.read()
    try:
        return msgspec.json.decode(content, type=Handout)
    except msgspec.DecodeError:
        return None


def folder_of(uid: str, folder: Path) -> Path:
    """Where the files of a pod's volumes of secrets are: in memory if the system has a place for that.

    Args:
        uid: Of the pod.
        folder: Of the pod.
    """
    is_in_memory = uid and os.access(_IN_MEMORY, os.W_OK | os.X_OK)
    return _IN_MEMORY / f"elevon-{uid}" if is_in_memory else folder / _FOLDER


def write(files: Iterable[SecretFile], folder: Path) -> None:
    """Make the folder, for ourselves alone, and the files in it.

    Raises:
        OSError: They can't be written.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=_PRIVATE)
    for file in files:
        file.path.parent.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
        descriptor = os.open(file.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as stream:
            os.fchmod(descriptor, file.mode)
            stream.write(file.value)


def remove(uid: str, folder: Path) -> None:
    """Remove the files of a pod; none there is fine."""
    shutil.rmtree(folder_of(uid, folder), ignore_errors=True)
