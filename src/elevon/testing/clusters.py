"""A cluster in memory, for scenarios and tests: resources are made, run for a while, end, and go.

It owns a ledger of what was made and what has gone, which is what the kit judges by, and keeps the contract of
`ports.ClusterApi` with it: names are taken as long as a finalizer holds what has them, and no change is left out of a
watch. What runs in a resource it does not know: it is told how that goes.
"""

import asyncio
import itertools
from collections.abc import Mapping, MutableSequence, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from elevon import errors, ports
from elevon.idl.messages import LiteralMap
from elevon.records.resources import (
    DATA_DIR_ANNOTATION,
    Manifest,
    ResourceChanges,
    ResourceKey,
    ResourceKind,
    has_labels,
    is_being_deleted,
    key_of,
    kind_of,
    merged,
    uid_of,
)
from elevon.testing.services import Thing

_INSTANT = "%Y-%m-%dT%H:%M:%SZ"


class _Entry(msgspec.Struct):
    """One resource, and what is not in its manifest."""

    manifest: dict[str, Any]
    version: int
    made_at: datetime
    thing: Thing


class FakeCluster:
    """A `ports.ClusterApi` whose resources are pods or Spark applications, all of which go the same way.

    Another kind of resources is a subclass that overrides `status_of`.

    Args:
        takes: How long a pod runs; a tenth of it is spent waiting for a place.
        exit_code: Of its containers.
        message: What they leave in their `/dev/termination-log`.
        outputs: What the user's code in them leaves in the attempt's directory when it ends well; None for nothing.

    Attributes:
        clock: The kit's; it is set before the first call.
        things: All that were ever made, in order; each counts as running until it has gone.
        repeatable: Names of the calls that a network may deliver twice, as repeating them does no harm.
    """

    def __init__(
        self,
        takes: timedelta = timedelta(seconds=30),
        *,
        exit_code: int = 0,
        message: str = "",
        outputs: LiteralMap | None = None,
    ) -> None:
        self.clock: ports.Clock
        self.things: MutableSequence[Thing] = []
        self.repeatable = frozenset({"create", "get", "list", "patch", "delete", "watch"})
        self._takes = takes
        self._exit_code = exit_code
        self._message = message
        self._outputs = outputs
        self._entries: dict[ResourceKey, _Entry] = {}
        self._gone: MutableSequence[tuple[int, Manifest]] = []
        self._versions = itertools.count(1)
        self._version = 0
        self._ids = itertools.count(1)
        self._waiters: MutableSequence[asyncio.Future[None]] = []

    def status_of(self, resource: Manifest, age: timedelta) -> Mapping[str, Any]:
        """What a resource says of itself at an age; it is asked at a tenth of `takes` and at its end too."""
        if resource["kind"] == "SparkApplication":
            return self._status_of_application(resource, age)
        started = timedelta() if age < self._takes / 10 else self._takes / 10
        if not started:
            return {"phase": "Pending"}
        is_over = age >= self._takes
        made_at = self.clock.now() - age
        state: dict[str, Any] = {"running": {"startedAt": _told(made_at + started)}}
        if is_over:
            ended = {"exitCode": self._exit_code, "reason": "Error" if self._exit_code else "Completed"}
            ended |= {"message": self._message} if self._message else {}
            ended |= {"startedAt": _told(made_at + started), "finishedAt": _told(made_at + self._takes)}
            state = {"terminated": ended}
        containers = [{"name": one["name"], "state": state} for one in resource["spec"]["containers"]]
        phase = ("Failed" if self._exit_code else "Succeeded") if is_over else "Running"
        return {"phase": phase, "containerStatuses": containers}

    def _status_of_application(self, resource: Manifest, age: timedelta) -> Mapping[str, Any]:
        """As the Spark operator tells it."""
        if age < self._takes / 10:
            return {}
        name, made_at = resource["metadata"]["name"], self.clock.now() - age
        status: dict[str, Any] = {
            "applicationState": {"state": "RUNNING"},
            "driverInfo": {"podName": f"{name}-driver", "webUIAddress": "127.0.0.1:4040"},
            "sparkApplicationId": f"spark-{name}",
            "lastSubmissionAttemptTime": _told(made_at + self._takes / 10),
        }
        if age >= self._takes:
            how = f"driver container failed with ExitCode: {self._exit_code}, Reason: Error"
            failed = {"state": "FAILED", "errorMessage": how}
            status["applicationState"] = failed if self._exit_code else {"state": "COMPLETED"}
            status["terminationTime"] = _told(made_at + self._takes)
        return status

    async def create(self, resource: Manifest) -> Manifest:
        """See `ports.ClusterApi`."""
        self._settle()
        key = key_of(resource)
        if key in self._entries:
            raise errors.ConflictError(f"{key} exists already")
        uid, now = f"uid-{next(self._ids)}", self.clock.now()
        made = _copied(resource)
        made["metadata"] |= {"uid": uid, "creationTimestamp": _told(now)}
        thing = Thing(id=uid, token=key.name, spec=made, created_at=now)
        self.things.append(thing)
        made["status"] = dict(self.status_of(made, timedelta()))
        self._entries[key] = entry = _Entry(made, 0, now, thing)
        self._changed(entry)
        return _copied(made)

    async def get(self, key: ResourceKey) -> Manifest | None:
        """See `ports.ClusterApi`."""
        self._settle()
        entry = self._entries.get(key)
        return None if entry is None else _copied(entry.manifest)

    async def list(self, kind: ResourceKind, labels: Mapping[str, str]) -> Sequence[Manifest]:
        """See `ports.ClusterApi`."""
        self._settle()
        return [
            _copied(entry.manifest) for entry in self._entries.values() if _fits(entry.manifest, kind, labels)
        ]

    async def patch(self, key: ResourceKey, patch: Manifest) -> Manifest:
        """See `ports.ClusterApi`."""
        self._settle()
        entry = self._entries.get(key)
        if entry is None:
            raise errors.NotFoundError(f"there is no {key}")
        wanted = patch.get("metadata", {}).get("resourceVersion")
        if wanted not in (None, str(entry.version)):
            raise errors.ConflictError(f"{key} was changed since it was read")
        entry.manifest = merged(
            entry.manifest, {name: part for name, part in patch.items() if name != "status"}
        )
        self._changed(entry)
        self._release(key, entry)
        return _copied(entry.manifest)

    async def delete(self, key: ResourceKey, uid: str = "", grace: timedelta | None = None) -> None:
        """See `ports.ClusterApi`; what is deleted ends at once."""
        del grace
        self._settle()
        entry = self._entries.get(key)
        if entry is not None and uid in ("", uid_of(entry.manifest)) and not is_being_deleted(entry.manifest):
            entry.manifest["metadata"]["deletionTimestamp"] = _told(self.clock.now())
            self._changed(entry)
            self._release(key, entry)

    async def watch(
        self, kind: ResourceKind, labels: Mapping[str, str], after: str, patience: timedelta
    ) -> ResourceChanges:
        """See `ports.ClusterApi`."""
        if not after:
            return ResourceChanges(
                cursor=str(self._version), is_whole=True, present=await self.list(kind, labels)
            )
        until = self.clock.monotonic() + patience.total_seconds()
        while True:
            self._settle()
            changes = self._since(int(after), kind, labels)
            left_s = until - self.clock.monotonic()
            if changes.present or changes.gone or left_s <= 0:
                return changes
            await self._news(min(left_s, self._next_change_s()))

    def forget(self) -> Thing | None:
        """Lose the newest resource, whatever holds it, as when its node is gone for good; returns it, or None."""
        for key, entry in reversed(self._entries.items()):
            entry.thing.is_forgotten = True
            self._remove(key, entry)
            return entry.thing
        return None

    def _settle(self) -> None:
        """Let happen what time has brought."""
        now = self.clock.now()
        for entry in self._entries.values():
            status = entry.manifest["status"]
            if not is_being_deleted(entry.manifest):
                status = dict(self.status_of(entry.manifest, now - entry.made_at))
            if status != entry.manifest["status"]:
                if now - entry.made_at >= self._takes:
                    self._leave_outputs(entry.manifest)
                entry.manifest["status"] = status
                self._changed(entry)

    def _leave_outputs(self, resource: Manifest) -> None:
        """Do what the user's code in a resource would have done by its end."""
        folder = resource["metadata"].get("annotations", {}).get(DATA_DIR_ANNOTATION)
        if folder is not None and self._outputs is not None and not self._exit_code:
            path = Path(folder, "outputs.pb")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self._outputs.SerializeToString())

    def _next_change_s(self) -> float:
        """How long until a resource may say something else; endless for never."""
        now = self.clock.now()
        ages = [now - entry.made_at for entry in self._entries.values()]
        moments = (self._takes / 10, self._takes)
        waits = [moment - age for age in ages for moment in moments if moment > age]
        return min(waits).total_seconds() if waits else float("inf")

    async def _news(self, at_most_s: float) -> None:
        """Return when something was changed by a call, or after that time."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            await asyncio.wait([waiter], timeout=at_most_s)
        finally:
            if waiter in self._waiters:
                self._waiters.remove(waiter)

    def _changed(self, entry: _Entry) -> None:
        self._version = entry.version = next(self._versions)
        entry.manifest["metadata"]["resourceVersion"] = str(entry.version)
        self._notify()

    def _release(self, key: ResourceKey, entry: _Entry) -> None:
        """Let what is deleted go, if nothing holds it."""
        metadata = entry.manifest["metadata"]
        if is_being_deleted(entry.manifest) and not metadata.get("finalizers"):
            entry.thing.deleted_at = self.clock.now()
            self._remove(key, entry)

    def _remove(self, key: ResourceKey, entry: _Entry) -> None:
        del self._entries[key]
        self._version = next(self._versions)
        self._gone.append((self._version, _copied(entry.manifest)))
        self._notify()

    def _notify(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done() and not waiter.get_loop().is_closed():  # a dead process waits for nothing
                waiter.set_result(None)

    def _since(self, version: int, kind: ResourceKind, labels: Mapping[str, str]) -> ResourceChanges:
        present = [
            _copied(entry.manifest)
            for entry in self._entries.values()
            if entry.version > version and _fits(entry.manifest, kind, labels)
        ]
        gone = [one for at, one in self._gone if at > version and _fits(one, kind, labels)]
        return ResourceChanges(cursor=str(self._version), present=present, gone=gone)


def _fits(resource: Manifest, kind: ResourceKind, labels: Mapping[str, str]) -> bool:
    return kind_of(resource) == kind and has_labels(resource, labels)


def _copied(resource: Manifest) -> dict[str, Any]:
    """The same through JSON, as from a server."""
    return msgspec.json.decode(msgspec.json.encode(resource))


def _told(instant: datetime) -> str:
    return instant.strftime(_INSTANT)
