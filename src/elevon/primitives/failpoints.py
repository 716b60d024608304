"""Named places where a test lets the process die.

It exists because the moments around a commit are too short to be hit from outside. A place calls `hit(name)`; the
variable `ELEVON_FAILPOINT=name:count[:action]` makes its count-th hit in this process act: `kill` (SIGKILL, the
default), `exit` (status 70, nothing cleaned up) or `raise`. Unset, a hit costs one comparison. Never decides
anything else.
"""

import os
import signal
import threading
from typing import Final, NamedTuple

VARIABLE: Final = "ELEVON_FAILPOINT"
EXIT_STATUS: Final = 70
_ACTIONS: Final = frozenset({"kill", "exit", "raise"})


class FailpointReached(Exception):
    """What a failpoint with the action `raise` raises: a fault that nobody foresaw."""


class _Failpoint(NamedTuple):
    name: str
    at_hit: int
    action: str


def hit(name: str) -> None:
    """Say that this place is reached; does what `ELEVON_FAILPOINT` wants, if it names the place."""
    if _armed is not None and _armed.name == name:
        _count_hit(_armed)


def arm(setting: str) -> None:
    """Set the failpoint of this process as the variable would; empty for none. Counting begins anew.

    Raises:
        ValueError: The setting is not `name:count[:action]`.
    """
    global _armed, _hit_count
    armed = _parse(setting) if setting else None
    with _lock:
        _armed, _hit_count = armed, 0


def _parse(setting: str) -> _Failpoint:
    name, _, rest = setting.partition(":")
    count, _, action = rest.partition(":")
    if not name or not count.isdigit() or int(count) < 1 or (action or "kill") not in _ACTIONS:
        raise ValueError(f"{VARIABLE}={setting!r} must read name:count[:kill|exit|raise], the count from 1")
    return _Failpoint(name, int(count), action or "kill")


def _count_hit(armed: _Failpoint) -> None:
    global _hit_count  # noqa: PLW0603 - see arm
    with _lock:
        _hit_count += 1
        is_reached = _hit_count == armed.at_hit
    if not is_reached:
        return
    if armed.action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif armed.action == "exit":
        os._exit(EXIT_STATUS)
    raise FailpointReached(armed.name)


_lock = threading.Lock()
_armed: _Failpoint | None = None
_hit_count = 0
arm(os.environ.get(VARIABLE, ""))
