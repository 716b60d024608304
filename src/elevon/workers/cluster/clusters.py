"""`LocalCluster`: the adapter of `ports.ClusterApi` on one machine.

It owns which pods are begun when, and the news. The truth is in the files: several engines of a home share it, and a
new one goes on where a killed one was. It must never end a pod because an engine ends, and never begin one twice.
"""

import asyncio
import contextlib
import heapq
import itertools
import logging
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Generator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from elevon import errors, ports
from elevon.plugin.contexts import NO_SECRETS
from elevon.primitives import ids, locks
from elevon.records.resources import (
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
    without_nulls,
)
from elevon.workers.cluster import kinds, losses, manifests, secrets, shelves
from elevon.workers.cluster.instants import spelled
from elevon.workers.cluster.secrets import SecretRef
from elevon.workers.settings import WorkerSettings

T = TypeVar("T")
_LOOK_S: Final = 0.05
_LOOK_AROUND_S: Final = 2.0
"""How often what other engines do is looked at."""
_CLOSING_S: Final = 2.0
_GONE_LIMIT: Final = 10_000
_log = logging.getLogger(__name__)


class _Pod(msgspec.Struct):
    """A resource as this engine has seen it last.

    Attributes:
        manifest: With its status.
        stamp: Of its files.
        sequence: Which change it was.
    """

    manifest: Manifest
    stamp: shelves.Stamp
    sequence: int

    @property
    def is_running(self) -> bool:
        """Whether it was begun and has not ended."""
        return self.stamp.is_begun and not kinds.has_ended(self.manifest)


class LocalCluster:
    """Runs pods as processes of this machine, a few at a time, who came first first.

    All methods belong to the loop in which the first of them was called.

    Args:
        root: Folder of its files, shared by all engines of a home.
        clock: The time.
        pod_limit: How many pods run at once.
        images: What stands for the entry points of images.
        store: Where the secrets are that pods name.
    """

    def __init__(
        self,
        root: Path,
        clock: ports.Clock,
        pod_limit: int,
        images: manifests.Images | None = None,
        store: ports.SecretStore = NO_SECRETS,
    ) -> None:
        self._shelf = shelves.Shelf(root)
        self._clock = clock
        self._pod_limit = pod_limit
        self._images = images or {}
        self._store = store
        self._id = ids.new("c", 12)
        self._pods: dict[ResourceKey, _Pod] = {}  # who was changed last is last
        self._under_way: set[ResourceKey] = set()
        self._waiting: set[ResourceKey] = set()
        self._gone: list[tuple[int, Manifest]] = []
        self._forgotten = 0
        self._sequence = 0
        self._keepers: dict[ResourceKey, int] = {}
        self._chores: dict[ResourceKey, asyncio.Task[None]] = {}  # what is done for one beside the loop
        self._broken: dict[ResourceKey, str] = {}
        self._waiters: set[asyncio.Future[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._survey: asyncio.Future[Mapping[ResourceKey, shelves.Stamp]] | None = None
        self._looked_around_at = float("-inf")
        self._is_closed = False

    async def create(self, resource: Manifest) -> Manifest:
        resource = manifests.furnished(without_nulls(resource), self._images)
        kinds.plan(merged(resource, {"metadata": {}}), Path("/"))
        now = spelled(self._clock.now())
        added = {"uid": ids.new("u", 32), "creationTimestamp": now, "generation": 1}
        made = merged(resource, {"metadata": added, "status": None})
        key = key_of(made)
        await self._blocking(lambda: self._shelf.create(made))
        self._look_now(key)
        return self._current(key) or made

    async def get(self, key: ResourceKey) -> Manifest | None:
        found = await self._blocking(lambda: shelves.read(self._shelf.folder(key)))
        if found is not None and key not in self._pods and not self._is_closed:
            self._look_around()  # an engine that was killed may have left it to be begun, and nobody may watch
        return found

    async def list(self, kind: ResourceKind, labels: Mapping[str, str]) -> Sequence[Manifest]:
        found = await self._blocking(
            lambda: [shelves.read(self._shelf.folder(key)) for key in self._shelf.list_keys()]
        )
        return [one for one in found if one is not None and _fits(one, kind, labels)]

    async def patch(self, key: ResourceKey, patch: Manifest) -> Manifest:
        version = patch.get("metadata", {}).get("resourceVersion")
        wanted = {name: part for name, part in patch.items() if name != "status"}
        changed = await self._blocking(
            lambda: self._shelf.change(key, lambda found: merged(found, wanted), version)
        )
        self._look_now(key)
        return changed

    async def delete(self, key: ResourceKey, uid: str = "", grace: timedelta | None = None) -> None:
        mark: dict[str, Any] = {"deletionTimestamp": spelled(self._clock.now())}
        if grace is not None:
            mark["deletionGracePeriodSeconds"] = grace.total_seconds()

        def edit(found: Manifest) -> Manifest:
            is_meant = uid in ("", uid_of(found)) and not is_being_deleted(found)
            return merged(found, {"metadata": mark}) if is_meant else found

        with contextlib.suppress(errors.NotFoundError):
            await self._blocking(lambda: self._shelf.change(key, edit))
        self._look_now(key)

    async def watch(
        self, kind: ResourceKind, labels: Mapping[str, str], after: str, patience: timedelta
    ) -> ResourceChanges:
        whose, _, number = after.partition(":")
        if whose != self._id or int(number) < self._forgotten:
            found = await self._blocking(self._shelf.survey)
            await self._blocking(self._shelf.sweep)
            self._take_in(found)
            present = [pod.manifest for pod in self._pods.values() if _fits(pod.manifest, kind, labels)]
            return ResourceChanges(cursor=self._cursor, is_whole=True, present=present)
        until = self._clock.monotonic() + patience.total_seconds()
        while True:
            changes = self._since(int(number), kind, labels)
            left_s = until - self._clock.monotonic()
            if changes.present or changes.gone or left_s <= 0 or self._is_closed:
                return changes
            await self._news(left_s)

    async def close(self) -> None:
        """Look no more. Pods run on; those that are to go are given a moment, and then go without us."""
        deadline = self._clock.monotonic() + _CLOSING_S
        while any(shelves.is_free(pod.manifest) for pod in self._pods.values()):
            if self._clock.monotonic() > deadline:
                break
            await self._clock.sleep(_LOOK_S)
            self._look()
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()
        self._notify()
        left = [*self._chores.values(), *filter(None, [self._survey])]
        for chore in self._chores.values():
            chore.cancel()
        if left:
            await asyncio.wait(left)
        with contextlib.suppress(errors.UnavailableError):
            await self._blocking(self._shelf.sweep)

    @property
    def _cursor(self) -> str:
        return f"{self._id}:{self._sequence}"

    def _current(self, key: ResourceKey) -> Manifest | None:
        pod = self._pods.get(key)
        return None if pod is None else pod.manifest

    async def _blocking(self, work: Callable[[], T]) -> T:
        """What touches the disk, in a thread."""
        try:
            return await asyncio.to_thread(work)
        except OSError as error:
            raise errors.UnavailableError(f"the cluster's files can't be read: {error}") from error

    def _since(self, number: int, kind: ResourceKind, labels: Mapping[str, str]) -> ResourceChanges:
        changed = itertools.takewhile(lambda pod: pod.sequence > number, reversed(self._pods.values()))
        present = [pod.manifest for pod in changed if _fits(pod.manifest, kind, labels)]
        went = itertools.takewhile(lambda one: one[0] > number, reversed(self._gone))
        gone = [one for _, one in went if _fits(one, kind, labels)]
        return ResourceChanges(cursor=self._cursor, present=present, gone=gone)

    async def _news(self, at_most_s: float) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.add(waiter)
        self._look_again()
        try:
            await asyncio.wait([waiter], timeout=at_most_s)
        finally:
            self._waiters.discard(waiter)

    def _notify(self) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    def _look_again(self) -> None:
        """Look soon while something is under way, and now and then while somebody waits for news."""
        is_busy = bool(self._keepers or self._chores or self._under_way or self._waiting)
        if self._timer is None and not self._is_closed and (is_busy or self._waiters):
            pause_s = _LOOK_S if is_busy else _LOOK_AROUND_S
            self._timer = asyncio.get_running_loop().call_later(pause_s, self._tick)
        elif self._timer is not None and is_busy and not self._is_closed:
            soon = asyncio.get_running_loop().time() + _LOOK_S
            if self._timer.when() > soon:
                self._timer.cancel()
                self._timer = asyncio.get_running_loop().call_later(_LOOK_S, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self._look()
        self._look_again()

    def _look_now(self, key: ResourceKey) -> None:
        """Do what is due after a change that is durable already."""
        with self._enduring():
            self._look_at(key)
            self._begin_due()
        self._look_again()

    def _look(self) -> None:
        with self._enduring():
            if self._clock.monotonic() - self._looked_around_at >= _LOOK_AROUND_S:
                self._look_around()
            self._bury_keepers()
            for key in list(self._under_way):
                self._look_at(key)
            self._begin_due()

    @contextlib.contextmanager
    def _enduring(self) -> Generator[None]:
        """What fails now is tried again at the next look."""
        try:
            yield
        except (OSError, errors.UnavailableError) as error:
            _log.warning("the local cluster can't look after its pods, and tries again: %s", error)

    def _look_around(self) -> None:
        """Look at everything soon, for the sake of what other engines have done."""
        if self._survey is None:
            loop = asyncio.get_running_loop()
            self._survey = loop.run_in_executor(None, self._surveyed)
            self._survey.add_done_callback(self._end_survey)

    def _surveyed(self) -> Mapping[ResourceKey, shelves.Stamp]:
        self._shelf.sweep()
        return self._shelf.survey()

    def _end_survey(self, survey: asyncio.Future[Mapping[ResourceKey, shelves.Stamp]]) -> None:
        self._survey = None
        if not self._is_closed:
            with self._enduring():
                self._take_in(survey.result())
            self._look_again()

    def _take_in(self, found: Mapping[ResourceKey, shelves.Stamp]) -> None:
        """Look at what is not as it was."""
        self._looked_around_at = self._clock.monotonic()
        for key in found.keys() | self._pods.keys():
            known = self._pods.get(key)
            if known is None or known.stamp != found.get(key):
                self._look_at(key)
        self._begin_due()

    def _look_at(self, key: ResourceKey) -> None:
        """Take in what the files of a resource say, and do what is due for it."""
        folder = self._shelf.folder(key)
        known = self._pods.get(key)
        stamp = shelves.stamp(folder)
        if stamp is None:
            self._drop(key)
            return
        if known is None or known.stamp != stamp:
            found = shelves.read(folder)
            if found is not None:
                self._sequence += 1
                self._pods.pop(key, None)
                self._pods[key] = _Pod(found, stamp, self._sequence)
                self._notify()
        self._sort_in(key)
        if key in self._under_way:
            self._mind(key, folder, self._pods[key].manifest)

    def _sort_in(self, key: ResourceKey) -> None:
        """Say of a resource whether it is under way, waits to be begun, or is at rest until somebody changes it."""
        self._under_way.discard(key)
        self._waiting.discard(key)
        pod = self._pods.get(key)
        if pod is None:
            return
        is_going = is_being_deleted(pod.manifest)
        if pod.is_running or self._is_ours(key) or shelves.is_free(pod.manifest):
            self._under_way.add(key)
        elif not (is_going or pod.stamp.is_begun):
            (self._under_way if key in self._broken else self._waiting).add(key)

    def _is_ours(self, key: ResourceKey) -> bool:
        """Whether we have begun it, or are about to, or clear up after it."""
        return key in self._keepers or key in self._chores

    def _mind(self, key: ResourceKey, folder: Path, pod: Manifest) -> None:
        """Notice that a keeper is gone, and let go what is to go."""
        if self._is_ours(key) or locks.is_held(folder / shelves.LOCK):
            return
        problem = None if is_being_deleted(pod) else self._broken.get(key)
        if losses.verdict(folder, problem) is not None:
            self._do(key, self._blocking(lambda: losses.settle(folder, pod, problem)))
        elif shelves.is_free(pod):
            if kinds.asked(pod, folder):  # its keeper may have been killed before it had begun the pod
                secrets.remove(uid_of(pod), folder)
            self._shelf.remove(pod)
            self._drop(key)

    def _do(self, key: ResourceKey, work: Coroutine[Any, Any, None]) -> None:
        """Do beside the loop what takes a while, and then look what has come of it."""
        chore = asyncio.get_running_loop().create_task(work)
        self._chores[key] = chore
        chore.add_done_callback(lambda chore: self._end_chore(key, chore))

    def _drop(self, key: ResourceKey) -> None:
        pod = self._pods.pop(key, None)
        self._broken.pop(key, None)
        self._sort_in(key)
        if pod is not None:
            self._sequence += 1
            self._gone.append((self._sequence, pod.manifest))
            if len(self._gone) > _GONE_LIMIT:
                self._forgotten = self._gone[_GONE_LIMIT // 2][0]
                del self._gone[: _GONE_LIMIT // 2 + 1]
            self._notify()

    def _begin_due(self) -> None:
        """Begin pods as long as there is room, also those that a killed engine has left behind."""
        running = [key for key in self._under_way if self._is_ours(key) or self._pods[key].is_running]
        room = self._pod_limit - len(running)
        if room <= 0 or not self._waiting:
            return

        def turn(key: ResourceKey) -> tuple[str, int]:
            pod = self._pods[key]
            return pod.manifest["metadata"]["creationTimestamp"], pod.sequence

        for key in heapq.nsmallest(room, self._waiting, key=turn):
            self._begin(key)

    def _begin(self, key: ResourceKey) -> None:
        folder = self._shelf.folder(key)
        if key in self._broken or locks.is_held(folder / shelves.LOCK):
            return
        asked = kinds.asked(self._pods[key].manifest, folder)
        if asked:
            self._do(key, self._hand_out(key, asked))
        else:
            nothing = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
            try:
                self._start_keeper(key, nothing)
            finally:
                os.close(nothing)
        self._sort_in(key)

    async def _hand_out(self, key: ResourceKey, asked: frozenset[SecretRef]) -> None:
        """Look up the secrets of a pod, and begin it with them."""
        uid = uid_of(self._pods[key].manifest)
        try:
            handout = await secrets.look_up(asked, self._store)
        except errors.UnavailableError as error:
            self._broken[key] = str(error)
            return
        pod = self._pods.get(key)
        if pod is None or uid_of(pod.manifest) != uid or is_being_deleted(pod.manifest):
            return
        reading, writing = os.pipe()
        try:
            self._start_keeper(key, reading)
        except OSError:
            os.close(writing)
            raise
        finally:
            os.close(reading)
        await asyncio.to_thread(secrets.send, writing, handout)

    def _end_chore(self, key: ResourceKey, chore: asyncio.Task[None]) -> None:
        del self._chores[key]
        if not self._is_closed:
            with self._enduring():
                if not chore.cancelled():
                    chore.result()
                self._look_at(key)
            self._look_again()

    def _start_keeper(self, key: ResourceKey, stdin: int) -> None:
        folder = self._shelf.folder(key)
        log = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        self._keepers[key] = os.posix_spawn(
            sys.executable,
            [sys.executable, "-P", "-m", "elevon.workers.cluster.keeper", str(folder)],
            WorkerSettings().environment({}),
            file_actions=[
                (os.POSIX_SPAWN_DUP2, stdin, 0),
                (os.POSIX_SPAWN_OPEN, 1, str(folder / shelves.KEEPER_LOG), log, 0o644),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            setsid=True,
            setsigdef=[signal.SIGCHLD],  # whoever has it ignored never learns how a child ended
        )

    def _bury_keepers(self) -> None:
        for key, pid in list(self._keepers.items()):
            if _is_gone(pid):
                del self._keepers[key]
                # One that is gone is nobody's any more, and another may come to have its name.
                if key in self._pods and shelves.read_status(self._shelf.folder(key)) is None:
                    self._broken[key] = ""
                self._look_at(key)


def _is_gone(keeper: int) -> bool:
    try:
        return os.waitpid(keeper, os.WNOHANG)[0] != 0
    except ChildProcessError:  # its end was not kept for us: this process was started with SIGCHLD ignored
        return True


def _fits(resource: Manifest, kind: ResourceKind, labels: Mapping[str, str]) -> bool:
    return kind_of(resource) == kind and has_labels(resource, labels)
