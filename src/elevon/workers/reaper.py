"""The process that outlives the engine by a moment, to end what a killed engine left behind.

The engine starts this file by path with `python -I -S`: it must never import anything but the standard library. It
inherits the engine's lock, so that no other engine takes the home before everything is gone; reads lines
`+<pgid> <start>` and `-<pgid>` from its stdin; and at the end of that pipe kills the groups that are still listed, and
what bears their mark if they have one. It also owns what both sides know of processes, on Linux from /proc and
elsewhere from `ps`.

A group here is all that its leader's session holds, as far as the system tells: a program may put its children into
groups of their own, as PySpark does with its workers. A process that leaves the session (`setsid`) is no member any
more, as a daemon of the user's own isn't; who is to end it must have adopted it before, or marked its ancestors.
"""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator
from typing import NamedTuple

_HAS_PROC = sys.platform.startswith("linux")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_POLL_S = 0.01
_EMPTY_LOOKS = 2


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


def bearers(mark: int) -> set[int]:
    """The live processes that bear a mark, and their descendants; none where there is no /proc.

    A descendant may bear another one: what it runs is then marked in its turn, as by an engine in a pod.
    """
    parents: dict[int, int] = {}
    found: set[int] = set()
    for pid, fields in _stats() if _HAS_PROC else ():
        if fields[0] not in "ZX":
            parents[pid] = int(fields[1])
            if _has_mark(pid, mark):
                found.add(pid)
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {os.getpid()}


def end_bearers(mark: int, timeout_s: float) -> set[int]:
    """End all that bear a mark, and return who has not ended by then; whom this user may not end is left out.

    All are stopped before the first is killed: who stands still begets nobody, and proves whose its children are. Who
    is begotten while a look goes by is found by the next, for which reason two in a row have to find nobody.
    """
    deadline = time.monotonic() + timeout_s
    found: set[int] = set()
    beyond: set[int] = set()
    empty_count = 0
    while empty_count < _EMPTY_LOOKS:
        stopped, found = found, bearers(mark) - beyond
        if found and time.monotonic() > deadline:
            return found
        fresh = found - stopped
        beyond |= {pid for pid in fresh if not _send(pid, signal.SIGSTOP)}
        if found and not fresh:
            for pid in found:
                _send(pid, signal.SIGKILL)
        if not fresh:
            time.sleep(_POLL_S)
        empty_count = 0 if found else empty_count + 1
    return set()


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
        _send(stray.pid, signal.SIGKILL)


def _send(pid: int, sign: signal.Signals) -> bool:
    """Whether a process could be sent a signal, or is gone."""
    try:
        os.kill(pid, sign)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return True


def _has_mark(pid: int, mark: int) -> bool:
    try:
        with open(f"/proc/{pid}/limits", encoding="ascii") as file:  # noqa: PTH123 - starts faster
            return f" {mark} " in file.read()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return False


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
    import subprocess  # as late as this: where there is /proc nobody asks ps

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
    """Read the list until its pipe ends, then end what is on it, and remove folders.

    The command line is the mark of what is on the list, 0 for none, and the folders.
    """
    mark, *folders = sys.argv[1:]
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
    if groups and int(mark):
        end_bearers(int(mark), float("inf"))
    # Imported late: the reaper starts with every run, and this is only needed at its end.
    import shutil

    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
