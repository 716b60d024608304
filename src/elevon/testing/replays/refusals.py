"""What a replay refuses, so that nothing of it gets out: the network, other processes, and what only an engine has.

An audit hook stays for the life of its process, so `refuse_the_world` is called in a process of the replay's own alone.
What does not go through Python (a library that opens sockets in C) is not seen by it; of gRPC the channels are refused.
"""

import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final, NoReturn, TypeVar, Unpack

from elevon import errors, ports
from elevon.plugin.caches import AutoRefreshCache, CacheOptions, Sync
from elevon.plugin.contexts import Launch, SetupContext
from elevon.records.attempts import OnceRecord
from elevon.records.tokens import Allocation, AllocationStatus, Token

T = TypeVar("T")
_REFUSED_EVENTS: Final = {
    "socket.connect": "a connection",
    "socket.sendto": "the network",
    "socket.sendmsg": "the network",
    "socket.getaddrinfo": "the network",
    "socket.gethostbyname": "the network",
    "subprocess.Popen": "another process",
    "os.system": "another process",
    "os.exec": "another process",
    "os.fork": "another process",
    "os.forkpty": "another process",
    "os.posix_spawn": "another process",
    "os.spawn": "another process",
}
_CHANNELS: Final = ("insecure_channel", "secure_channel")


class Refusals:
    """Remembers what was wanted and refused; the executor may have caught the error."""

    def __init__(self) -> None:
        self._wanted: list[str] = []

    def refuse(self, what: str) -> NoReturn:
        """Refuse it.

        Raises:
            UnavailableError: Always.
        """
        self._wanted.append(what)
        raise errors.UnavailableError(f"a replay has no service: {what} was refused")

    def take(self) -> str:
        """The first thing that was wanted since the last look; empty for nothing."""
        wanted, self._wanted = self._wanted, []
        return wanted[0] if wanted else ""

    def _refuse_channel(self, *_arguments: object, **_options: object) -> NoReturn:
        self.refuse("a channel")

    def refuse_the_world(self) -> None:
        """Refuse network and processes from now on; for the rest of this process's life."""

        def judge(event: str, _arguments: tuple[Any, ...]) -> None:
            what = _REFUSED_EVENTS.get(event)
            if what is not None:
                self.refuse(what)

        sys.addaudithook(judge)
        for name in ("grpc", "grpc.aio"):
            module = sys.modules.get(name)
            for channel in _CHANNELS if module is not None else ():
                setattr(module, channel, self._refuse_channel)


class ReplayClock:
    """The time of the recorded call: it passes only when somebody sleeps."""

    def __init__(self, instant: datetime) -> None:
        self.instant = instant

    def now(self) -> datetime:
        """The instant of the call."""
        return self.instant

    def monotonic(self) -> float:
        """Seconds of the same time."""
        return self.instant.timestamp()

    async def sleep(self, seconds: float) -> None:
        """Return at once, that much later."""
        self.instant += timedelta(seconds=seconds)


class ReplayServices:
    """`plugin.invocations.AttemptServices` of an attempt that is over: nothing is carried out again."""

    def __init__(self, refusals: Refusals) -> None:
        self._refusals = refusals

    @property
    def wake(self) -> Callable[[], None]:
        """Nobody is woken."""
        return lambda: None

    async def commit_once(self, record: OnceRecord) -> None:
        """No result of that key was recorded: it would be submitted now."""
        self._refusals.refuse(f"once({record.key!r}), which would submit")

    async def write_inputs(self) -> None:
        """The executor's files are in a scratch directory, and a job that reads them is not run."""

    async def write_code(self) -> bool:
        """As with the inputs: nothing runs that would read it."""
        return False

    async def start_job(self, launch: Launch, grace: timedelta) -> ports.JobStatus:
        """Refused."""
        del launch, grace
        self._refusals.refuse("the launcher")

    async def poll_job(self, launch: Launch) -> ports.JobStatus:
        """Refused."""
        del launch
        self._refusals.refuse("the launcher")

    async def kill_job(self) -> None:
        """Refused."""
        self._refusals.refuse("the launcher")


class ReplaySecrets:
    """`ports.SecretStore` without secrets."""

    def __init__(self, refusals: Refusals) -> None:
        self._refusals = refusals

    async def get(self, group: str, key: str, version: str = "") -> str:
        """Refused."""
        del version
        self._refusals.refuse(f"the secret {key!r} of {group!r}")


class ReplayPools:
    """`plugin.pools.PoolServices` that answer as they did: a token was granted unless the attempt went on waiting."""

    def __init__(self) -> None:
        self.is_exhausted = False

    async def allocate(self, token: Token, wake: Callable[[], None]) -> Allocation:
        """What the recorded call was told."""
        del wake
        status = AllocationStatus.EXHAUSTED if self.is_exhausted else AllocationStatus.GRANTED
        return Allocation(status=status, pool=token.pool, namespace=token.namespace)

    async def release(self, token: Token) -> None:
        """Nothing was taken."""


class ReplaySetup(SetupContext[Any], frozen=True, kw_only=True):
    """`SetupContext` whose caches know nothing, because only the service could tell them.

    Attributes:
        refusals: Where it is remembered that one was asked.
    """

    refusals: Refusals

    def make_cache(self, name: str, sync: Sync[T], **options: Unpack[CacheOptions[T]]) -> AutoRefreshCache[T]:
        """A cache that refuses to be read."""
        return _UnsyncedCache(self.refusals, name, sync, clock=self.clock, **options)


class _UnsyncedCache(AutoRefreshCache[T]):
    def __init__(
        self,
        refusals: Refusals,
        name: str,
        sync: Sync[T],
        *,
        clock: ports.Clock,
        **options: Unpack[CacheOptions[T]],
    ) -> None:
        super().__init__(name, sync, clock=clock, **options)
        self._refusals = refusals
        self._called = name

    def start(self) -> None:
        """Never refreshed."""

    def get(self, item_id: str) -> T | None:
        self._refusals.refuse(f"{item_id!r} in the cache {self._called!r}")

    def get_or_create(self, item_id: str, item: T, wake: Any = None) -> T:
        del item, wake
        self._refusals.refuse(f"{item_id!r} in the cache {self._called!r}")
