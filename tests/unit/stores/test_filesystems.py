"""Which file system holds a path, by what the system says about its mounts."""

from pathlib import PurePosixPath

import pytest

from elevon.stores import filesystems

MOUNTINFO = """\
21 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
22 21 0:5 / /home rw shared:2 - nfs4 server:/export rw,vers=4.2
23 22 0:6 / /home/ann/local rw - xfs /dev/vdb rw
24 21 0:7 / /mnt/with\\040space rw master:3 - fuse.sshfs ann@host: rw
25 21 0:8 / /over rw - nfs server:/a rw
26 25 0:9 / /over rw - tmpfs tmpfs rw
"""
MACOS = """\
/dev/disk3s1s1 on / (apfs, sealed, local, read-only, journaled)
//ann@server/share on /Volumes/My share (1) (smbfs, nodev, nosuid, mounted by ann)
"""


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/var/lib/elevon", "ext4"),
        ("/home/ann/.elevon", "nfs4"),
        ("/homeless/ann", "ext4"),
        ("/home/ann/local/home/state.db", "xfs"),
        ("/mnt/with space/home", "fuse.sshfs"),
        ("/over/home", "tmpfs"),
    ],
)
def test_deepest_and_latest_mount_decides_on_linux(path: str, name: str) -> None:
    mounts = filesystems.mounts_of_mountinfo(MOUNTINFO)
    assert filesystems.type_of(PurePosixPath(path), mounts) == name


@pytest.mark.parametrize(("path", "name"), [("/Users/ann", "apfs"), ("/Volumes/My share (1)/home", "smbfs")])
def test_mounts_are_read_on_macos(path: str, name: str) -> None:
    assert filesystems.type_of(PurePosixPath(path), filesystems.mounts_of_command(MACOS)) == name


def test_unreadable_lines_are_passed_over() -> None:
    assert filesystems.mounts_of_mountinfo("\nnonsense\n1 2 - ext4\n") == []
    assert filesystems.mounts_of_command("\nnonsense\n") == []
    assert filesystems.type_of(PurePosixPath("/x"), []) == ""
