"""Pods whose keeper is gone: what they have left is ended and removed, and then it is said what has become of them.

It owns the status of such a pod. It must never say that one is over of which something runs, nor speak of one that
somebody keeps. All of it blocks.
"""

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from elevon import errors
from elevon.primitives import locks
from elevon.records.resources import DATA_DIR_ANNOTATION, Manifest, key_of, uid_of
from elevon.workers import birthmarks, captures, error_files, folders, reaper
from elevon.workers.cluster import kinds, secrets, shelves

_ENDING_S: Final = 30.0
_KILLED: Final = 137


def verdict(folder: Path, problem: str | None) -> Manifest | None:
    """What is to be said of a pod that nobody keeps; None if nothing is.

    Args:
        folder: Of the pod.
        problem: Why it could not be begun, if that was tried in vain.
    """
    kept = shelves.read_status(folder)
    if kept is not None:
        return None if kept.status["phase"] in kinds.TERMINAL else _lost(folder, kept.status)
    return None if problem is None else _never_begun(folder, problem)


def settle(folder: Path, pod: Manifest, problem: str | None) -> None:
    """End what a pod has left that nobody keeps, and only then say that it is over.

    Raises:
        UnavailableError: It can't be ended now.
    """
    # Another engine may have begun it since: only who has the lock may say that it is over.
    with contextlib.suppress(errors.ConflictError), locks.hold(folder / shelves.LOCK):
        found = shelves.read(folder)
        said = verdict(folder, problem)
        if said is None or found is None or uid_of(found) != uid_of(pod):
            return
        left = reaper.end_bearers(birthmarks.of(uid_of(pod)), _ENDING_S)
        if left:
            raise errors.UnavailableError(
                f"the processes {sorted(left)} of {key_of(pod)} were killed {_ENDING_S:.0f} s ago and have not ended: "
                "they wait for a disk or a network file system"
            )
        _clear(folder, pod)
        shelves.write_status(folder, said)


def _clear(folder: Path, pod: Manifest) -> None:
    """Remove what a killed keeper has left: its containers' temporary files, and secrets, masked or not."""
    folders.remove(folder / shelves.SCRATCH)
    if kinds.asked(pod, folder):
        secrets.remove(uid_of(pod), folder)
        named = pod["metadata"].get("annotations", {}).get(DATA_DIR_ANNOTATION)
        if named:
            (Path(named) / error_files.ERROR).unlink(missing_ok=True)


def _lost(folder: Path, status: Mapping[str, Any]) -> Manifest:
    """The status of a pod whose keeper was killed, and all its containers with it."""
    ended = {"exitCode": _KILLED, "reason": "ContainerStatusUnknown", "message": "its keeper was killed"}
    kept = dict(status)
    for field in ("initContainerStatuses", "containerStatuses"):
        if field in kept:
            kept[field] = [
                {**one, "ready": False, "state": {"terminated": ended}} if "running" in one["state"] else one
                for one in kept[field]
            ]
    message = "the process that kept the pod was killed, and its containers were ended with it"
    return {**kept, "phase": "Failed", "reason": "NodeLost", "message": _with_last_words(message, folder)}


def _never_begun(folder: Path, problem: str) -> Manifest:
    message = "the pod could not be begun"
    message = f"{message}: {problem}" if problem else _with_last_words(message, folder)
    return {"phase": "Failed", "reason": "NodeLost", "message": message}


def _with_last_words(message: str, folder: Path) -> str:
    """The message, with what the keeper has said at last."""
    said = captures.tail(folder / shelves.KEEPER_LOG)
    return f"{message}: {said}" if said else message
