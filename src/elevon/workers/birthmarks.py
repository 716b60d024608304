"""A number that a process bears from its birth, and that all of its descendants inherit.

By it `reaper.end_bearers` finds what belongs together when nobody is left who knows it: no parent, no group, no
session. The number stands where no program looks, and where Linux itself has not looked since 2.4.25: as the limit of
file locks (RLIMIT_LOCKS). A limit is inherited, survives `execve` and `setsid`, and is shown in /proc/PID/limits. A
variable would be lost to who clears its environment, or writes its title over it as daemons do. Other systems have no
such place: there nothing is put on, and nothing is found.
"""

import contextlib
import hashlib
import sys

_RLIMIT_LOCKS = 10  # of setrlimit(2); Python has no name for it
_BITS = 62


def of(name: str) -> int:
    """The mark of whatever has a name of its own; so large that nobody would set it as a limit, and no other's."""
    digest = hashlib.blake2b(name.encode(), digest_size=8).digest()
    return 1 << _BITS | int.from_bytes(digest, "big") >> 64 - _BITS


def put_on(pid: int, mark: int) -> None:
    """Mark a process that waits to be let loose, and so all that it will start; where that can't be, do nothing."""
    if sys.platform == "linux":
        import resource  # as late as this: most processes are not marked

        # It may have been killed already; or the machine allows fewer locks, or nobody to set limits of others.
        with contextlib.suppress(OSError, ValueError):
            _, most = resource.prlimit(pid, _RLIMIT_LOCKS)
            resource.prlimit(pid, _RLIMIT_LOCKS, (mark, most))
