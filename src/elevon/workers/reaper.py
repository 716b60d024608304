"""The process that outlives the engine by a moment, to end what a killed engine left behind.

The engine starts this file by path with `python -I -S`: it must never import anything but the standard library. It
inherits the engine's lock, so that no other engine takes the home before everything is gone; reads lines
`+<pgid> <start>` and `-<pgid>` from its stdin; and at the end of that pipe kills the groups that are still listed.
It also owns what both sides know of process groups, on Linux from /proc and elsewhere from `ps`.

A group here is all that its leader's session holds, as far as the system tells: a program may put its children into
groups of their own, as PySpark does with its workers. A process that leaves the session (`setsid`) is no member any
more, as a daemon of the user's own isn't; who is to end it must have adopted it before.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import NamedTuple

_HAS_PROC = sys.platform.startswith("linux")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_POLL_S = 0.01


class Member(NamedTuple):
    """A live process of a group.

    Attributes:
        pid: Its id.
        start: When it started, in whatever the system counts; tells a reused id from the one that was meant.
        resident_bytes: Memory in use.
    """

    pid: int
    start: str
    resident_bytes: int


def members(pgid: int) -> list[Member]:
    """The processes of a group, and of others in its session, that are not dead; zombies are."""
    found = _members_by_proc(pgid) if _HAS_PROC else _members_by_ps(pgid)
    return list(found)


def children(pid: int) -> list[int]:
    """The children of a process, zombies included; none where there is no /proc.

    None is missed, whatever ends meanwhile, if that process waits for no child while this looks: until it does, a child
    that has ended is in /proc still.
    """
    parent = str(pid)
    return [one for one, fields in _stats() if fields[1] == parent] if _HAS_PROC else []


def start_of(pid: int) -> str:
    """When that process started; empty if there is none."""
    if _HAS_PROC:
        fields = _stat_fields(str(pid))
        return fields[19] if fields else ""
    return _ps("-o", "lstart=", "-p", str(pid)).strip().replace(" ", "_")


def resident_bytes_of(pid: int) -> int:
    """Memory in use by one process; 0 if there is none."""
    if _HAS_PROC:
        fields = _stat_fields(str(pid))
        return int(fields[21]) * _PAGE_BYTES if fields else 0
    return int(_ps("-o", "rss=", "-p", str(pid)).strip() or 0) * 1024


def kill_group(pgid: int) -> None:
    """Send SIGKILL to a whole group; none there is fine."""
    # macOS answers EPERM for a group that holds nothing but zombies.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pgid, signal.SIGKILL)


def kill_strays(pgid: int) -> None:
    """Send SIGKILL to what has left a group and not its session, one by one."""
    for stray in members(pgid):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(stray.pid, signal.SIGKILL)


def _stat_fields(pid: str) -> list[str]:
    """Fields of /proc/<pid>/stat from the state on; empty if the process is gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:  # noqa: PTH123 - starts faster
            return file.read().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def _stats() -> Iterator[tuple[int, list[str]]]:
    """What /proc says of each process there is: its id and its fields."""
    for name in os.listdir("/proc"):  # noqa: PTH208 - starts faster
        if name.isdigit():
            fields = _stat_fields(name)
            if fields:
                yield int(name), fields


def _members_by_proc(pgid: int) -> Iterator[Member]:
    group = str(pgid)
    for pid, fields in _stats():
        if group in fields[2:4] and fields[0] not in "ZX":
            yield Member(pid, fields[19], int(fields[21]) * _PAGE_BYTES)


def _members_by_ps(pgid: int) -> Iterator[Member]:
    for line in _ps("-A", "-o", "pid=,pgid=,rss=,stat=,lstart=").splitlines():
        pid, group, resident_kib, state, *start = line.split()
        if group == str(pgid) and not state.startswith("Z"):
            yield Member(int(pid), "_".join(start), int(resident_kib) * 1024)


def _ps(*args: str) -> str:
    return subprocess.run(  # noqa: S603
        ["/bin/ps", *args], capture_output=True, text=True, check=False, env={"LC_ALL": "C"}
    ).stdout


def _is_same(pgid: int, start: str) -> bool:
    """Whether the group is the one that was listed: its leader's id was not given to somebody else meanwhile."""
    return start_of(pgid) in ("", start)


def _reap(groups: dict[int, str]) -> None:
    """Kill the groups, and return when they are gone."""
    remaining = [pgid for pgid, start in groups.items() if _is_same(pgid, start)]
    while remaining:
        for pgid in remaining:
            kill_group(pgid)
            kill_strays(pgid)
        remaining = [pgid for pgid in remaining if members(pgid)]
        if remaining:
            time.sleep(_POLL_S)


def main() -> None:
    """Read the list until its pipe ends, then end what is on it, and remove the folders of the command line."""
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    groups: dict[int, str] = {}
    for line in sys.stdin:
        pgid, _, start = line[1:].strip().partition(" ")
        if line.startswith("+"):
            groups[int(pgid)] = start
        else:
            groups.pop(int(pgid), None)
    _reap(groups)
    # Imported late: the reaper starts with every run, and this is only needed at its end.
    import shutil

    for folder in sys.argv[1:]:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
