"""The files of a local cluster: a folder for each resource, which engines and keepers of one home share.

`resource.json` is the manifest, which engines write, one at a time under the cluster's lock; `status.json` is what the
pod's keeper says, and it alone writes it as long as it lives. Everything is written as a whole. This module owns their
names and what they say together; what they mean is the cluster's and the keeper's matter.
"""

import contextlib
import fcntl
import logging
import os
import shutil
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from elevon import errors
from elevon.primitives import files, ids
from elevon.records.resources import Manifest, ResourceKey, is_being_deleted, key_of, kind_of, merged, uid_of
from elevon.workers import folders
from elevon.workers.cluster import kinds

RESOURCE: Final = "resource.json"
STATUS: Final = "status.json"
LOCK: Final = "lock"
"""Held by the keeper, and by the reaper of its containers: where it is free nothing of the pod runs."""
SCRATCH: Final = "scratch"
"""A folder for what keeper and containers need as long as they run."""
KEEPER_LOG: Final = "keeper.log"
"""What the keeper has to say that the status does not."""
_WRITERS: Final = "writers.lock"
_KINDS: Final = "resources"
_GONE: Final = "gone"
_log = logging.getLogger(__name__)


class KeptStatus(msgspec.Struct, frozen=True):
    """What `status.json` holds.

    Attributes:
        version: Counts its changes.
        status: Of the pod, as Kubernetes spells it.
    """

    version: int
    status: dict[str, Any]


class Shelf:
    """The folders of one cluster. All methods block.

    Args:
        root: Where they are.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._strange_kinds: set[str] = set()

    def folder(self, key: ResourceKey) -> Path:
        """Where a resource's files are."""
        return self._root / _KINDS / key.kind.kind / key.namespace / key.name

    def list_keys(self) -> list[ResourceKey]:
        """Those of all resources, but for those of kinds that another version of elevon has made: it may come back."""
        found = [path.parts[-4:-1] for path in (self._root / _KINDS).glob(f"*/*/*/{RESOURCE}")]
        self._name_strange({kind for kind, _, _ in found} - kinds.KINDS.keys())
        known = [parts for parts in found if parts[0] in kinds.KINDS]
        return [ResourceKey(kinds.KINDS[kind], namespace, name) for kind, namespace, name in known]

    def survey(self) -> dict[ResourceKey, "Stamp"]:
        """The stamps of all resources."""
        stamps = ((key, stamp(self.folder(key))) for key in self.list_keys())
        return {key: one for key, one in stamps if one is not None}

    def sweep(self) -> None:
        """Remove the files of those that were let go, however many a pod has left."""
        with contextlib.suppress(FileNotFoundError):
            for left in (self._root / _GONE).iterdir():
                folders.remove(left / SCRATCH)
                shutil.rmtree(left, ignore_errors=True)

    def create(self, resource: Manifest) -> None:
        """Keep a new one.

        Raises:
            ConflictError: The name is taken.
        """
        key = key_of(resource)
        with self._writing():
            if (self.folder(key) / RESOURCE).exists():
                raise errors.ConflictError(f"{key} exists already")
            # Who was late to say how a former one of that name ended must not have spoken of this one.
            (self.folder(key) / STATUS).unlink(missing_ok=True)
            self._write(resource)

    def change(
        self, key: ResourceKey, edit: Callable[[Manifest], Manifest], version: str | None = None
    ) -> Manifest:
        """Replace a manifest by what `edit` makes of it, and return it with its status.

        Raises:
            NotFoundError: There is none.
            ConflictError: Its `resourceVersion` is another.
        """
        with self._writing():
            found = read(self.folder(key))
            if found is None:
                raise errors.NotFoundError(f"there is no {key}")
            if version not in (None, found["metadata"]["resourceVersion"]):
                raise errors.ConflictError(f"{key} was changed since it was read: read it again")
            edited = edit(found)
            if edited is found:
                return found
            generation = found["metadata"]["generation"] + 1
            self._write(merged(edited, {"metadata": {"generation": generation}}))
            return read(self.folder(key)) or edited

    def remove(self, resource: Manifest) -> None:
        """Let a resource go, if it is still that one and nothing has come to hold it; its files go with `sweep`."""
        key = key_of(resource)
        with self._writing():
            found = read(self.folder(key))
            if found is None or uid_of(found) != uid_of(resource) or found["metadata"].get("finalizers"):
                return
            gone = self._root / _GONE / ids.new("gone-", 20)
            gone.parent.mkdir(exist_ok=True)
            self.folder(key).rename(gone)

    def _name_strange(self, found: set[str]) -> None:
        """Say once of each kind that nobody here looks after it."""
        strange = sorted(found - self._strange_kinds)
        self._strange_kinds |= found
        for kind in strange:
            _log.warning(
                "resources of the kind %r in %s are left alone, because this version of elevon does not know it: go "
                "back to the version that has made them, or remove that folder once none of their processes runs",
                kind,
                self._root / _KINDS / kind,
            )

    def _write(self, resource: Manifest) -> None:
        kept = {name: part for name, part in resource.items() if name != "status"}
        metadata = {name: part for name, part in kept["metadata"].items() if name != "resourceVersion"}
        files.write(
            self.folder(key_of(resource)) / RESOURCE, msgspec.json.encode({**kept, "metadata": metadata})
        )

    @contextlib.contextmanager
    def _writing(self) -> Generator[None]:
        """One writer at a time, among all engines of the home; a killed one lets go."""
        try:
            self._root.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._root / _WRITERS, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                yield
            finally:
                os.close(descriptor)
        except OSError as error:
            raise errors.UnavailableError(
                f"the cluster's files in {self._root} can't be written: {error}"
            ) from error


def shelf_of(folder: Path) -> Shelf:
    """The shelf that a resource's folder is on."""
    return Shelf(folder.parents[3])


def read(folder: Path) -> dict[str, Any] | None:
    """A resource with its status and version; None if there is none, or one that only another version can read."""
    try:
        resource: dict[str, Any] = msgspec.json.decode((folder / RESOURCE).read_bytes())
    except FileNotFoundError:
        return None
    if kind_of(resource) not in kinds.KINDS.values():
        return None
    kept = read_status(folder)
    version = resource["metadata"]["generation"] + (kept.version if kept else 0)
    resource["metadata"]["resourceVersion"] = str(version)
    return {**resource, "status": kinds.shown(resource, kept.status if kept else None)}


def read_status(folder: Path) -> KeptStatus | None:
    """What the keeper says; None if there was none yet."""
    try:
        return msgspec.json.decode((folder / STATUS).read_bytes(), type=KeptStatus)
    except FileNotFoundError:
        return None


def write_status(folder: Path, status: Manifest) -> None:
    """Replace what the keeper says."""
    before = read_status(folder)
    kept = KeptStatus(before.version + 1 if before else 1, dict(status))
    if folder.is_dir():  # a resource that was removed meanwhile is not to come back
        files.write(folder / STATUS, msgspec.json.encode(kept))


class Stamp(NamedTuple):
    """Changes whenever one of a resource's files does.

    Times alone would not do: two writes may come within one tick of the file system's clock. But each makes a new file.

    Attributes:
        manifest: Of the manifest.
        status: Of what the keeper says; empty before it says anything.
    """

    manifest: tuple[int, ...]
    status: tuple[int, ...]

    @property
    def is_begun(self) -> bool:
        """Whether the pod was begun, which a status proves."""
        return bool(self.status)


def stamp(folder: Path) -> Stamp | None:
    """The stamp of a resource; None if there is none."""
    manifest = _stamp_of(folder / RESOURCE)
    return Stamp(manifest, _stamp_of(folder / STATUS)) if manifest else None


def _stamp_of(path: Path) -> tuple[int, ...]:
    try:
        one = path.stat()
    except FileNotFoundError:
        return ()
    return one.st_mtime_ns, one.st_ino, one.st_size


def is_free(resource: Manifest) -> bool:
    """Whether it is to go and nothing holds it; whether it still runs is another matter."""
    return is_being_deleted(resource) and not resource["metadata"].get("finalizers")
