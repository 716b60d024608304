"""Whether a path is on a network file system, where SQLite's locks and shared memory can't be relied upon.

Only types that are known to be network file systems are refused; an unknown one is taken for a local disk.
"""

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path, PurePath
from typing import Final

from elevon import errors

_NETWORK_TYPES: Final = frozenset({
    "afpfs", "afs", "beegfs", "ceph", "cifs", "fuse.glusterfs", "fuse.rclone", "fuse.s3fs", "fuse.sshfs",
    "fuse.gcsfuse", "glusterfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs4", "smb2", "smb3", "smbfs", "webdav",
})  # fmt: skip


def refuse_network(path: Path) -> None:
    """Raise if the path is on a file system that a network serves.

    Raises:
        UnavailableError: It is.
    """
    name = type_of(path.resolve(), _mounts())
    if name in _NETWORK_TYPES:
        raise errors.UnavailableError(
            f"{path} is on a network file system ({name}), where a database can be damaged: "
            "put the home on a local disk with --home"
        )


def type_of(path: PurePath, mounts: Iterable[tuple[str, str]]) -> str:
    """The type of the file system that holds an absolute path; empty if no mount point does.

    Args:
        mounts: Mount points with their types, in the order in which they were mounted.
    """
    found, depth = "", -1
    for point, name in mounts:
        parts = PurePath(point).parts
        if path.parts[: len(parts)] == parts and len(parts) >= depth:
            found, depth = name, len(parts)
    return found


def mounts_of_mountinfo(text: str) -> list[tuple[str, str]]:
    """Mount points and types from Linux's /proc/self/mountinfo (proc_pid_mountinfo(5))."""
    mounts: list[tuple[str, str]] = []
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        fields = before.split(" ")
        if after and len(fields) > _MOUNT_POINT_FIELD:
            point = fields[_MOUNT_POINT_FIELD]
            mounts.append((_unescaped(point), after.split(" ")[0]))
    return mounts


def mounts_of_command(text: str) -> list[tuple[str, str]]:
    """Mount points and types from the output of macOS's mount(8): `DEVICE on POINT (TYPE, OPTION, ...)`."""
    mounts: list[tuple[str, str]] = []
    for line in text.splitlines():
        device_and_point, _, options = line.rpartition(" (")
        _, _, point = device_and_point.partition(" on ")
        if point:
            mounts.append((point, options.rstrip(")").split(",")[0]))
    return mounts


_MOUNT_POINT_FIELD: Final = 4


def _unescaped(point: str) -> str:
    for octal, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        point = point.replace(octal, character)
    return point


def _mounts() -> list[tuple[str, str]]:
    if sys.platform == "linux":
        return mounts_of_mountinfo(Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace"))
    listing = subprocess.run(["/sbin/mount"], capture_output=True, text=True, check=False)
    return mounts_of_command(listing.stdout)
