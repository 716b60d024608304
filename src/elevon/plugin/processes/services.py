"""What the engine gives to executors, on both sides of the pipe.

It owns which services of `SetupContext` cross and how; what crosses by its own Protocol is a line of `PLAIN`. It must
never decide anything: the engine's objects answer.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final, NamedTuple

from elevon import ports
from elevon.plugin.contexts import Launch, SetupContext
from elevon.plugin.invocations import AttemptServices
from elevon.plugin.metering import Counter, Gauge, Histogram, Metrics
from elevon.plugin.pools import Allocation, PoolServices, ResourcePools
from elevon.plugin.processes.interfaces import Interface, interface_of
from elevon.plugin.processes.links import Link
from elevon.plugin.processes.protocol import EngineNotes, MetricNotes, Opening, PoolCalls, Sample
from elevon.primitives.clocks import SystemClock
from elevon.records.attempts import OnceRecord
from elevon.records.identities import AttemptId
from elevon.records.tokens import Token

PLAIN: Final[Mapping[str, Any]] = {
    "blobs": ports.BlobStore,
    "secrets": ports.SecretStore,
    "cluster": ports.ClusterApi,
    "control_plane": ports.ControlPlane,
}
"""Fields of `SetupContext` that are asked as they are, and their Protocols."""

ATTEMPT: Final = "attempt"
ENGINE: Final = "engine"
Service = tuple[Any, Interface]


def shared(setup: SetupContext[Any], wake: Callable[[AttemptId], None]) -> dict[str, Service]:
    """What a process may ask of the engine for an executor, by name.

    Args:
        setup: What the executor would be initialized with here.
        wake: Wakes an attempt, if it is under way.
    """
    plain = {name: (getattr(setup, name), interface_of(protocol)) for name, protocol in PLAIN.items()}
    return {
        **plain,
        "pools": (_EnginePools(setup.pools.services, wake), interface_of(PoolCalls)),
        "metrics": (_EngineMetrics(setup.metrics), interface_of(MetricNotes)),
    }


def remote_setup(link: Link, opening: Opening, config: Any) -> SetupContext[Any]:
    """What an executor is initialized with in a process."""
    plain = {name: link.service(name, opening.id, protocol) for name, protocol in PLAIN.items()}
    return SetupContext(
        config=config,
        clock=SystemClock(),
        state_dir=opening.state_dir,
        metrics=_RemoteMetrics(link.service("metrics", opening.id, MetricNotes)),
        pools=ResourcePools(opening.pools, _RemotePools(link.service("pools", opening.id, PoolCalls))),
        **plain,
    )


class RemoteAttempt:
    """`AttemptServices` in a process.

    Args:
        link: To the engine.
        attempt: Whose they are.
    """

    def __init__(self, link: Link, attempt: AttemptId) -> None:
        self._engine: AttemptServices = link.service(ATTEMPT, str(attempt), AttemptServices)
        self.wake = _Wake(link, attempt)

    async def commit_once(self, record: OnceRecord) -> None:
        """Make an intent or its result durable."""
        await self._engine.commit_once(record)

    async def write_inputs(self) -> None:
        """Write `inputs.pb`."""
        await self._engine.write_inputs()

    async def write_code(self) -> bool:
        """Write the user's code."""
        return await self._engine.write_code()

    async def start_job(self, launch: Launch, grace: timedelta) -> ports.JobStatus:
        """Start the job, or find it started."""
        return await self._engine.start_job(launch, grace)

    async def poll_job(self, launch: Launch) -> ports.JobStatus:
        """Where the job stands."""
        return await self._engine.poll_job(launch)

    async def kill_job(self) -> None:
        """End the job."""
        await self._engine.kill_job()


class _Wake(NamedTuple):
    """A wake handle; all of one attempt are equal, so that a cache that keeps them keeps one."""

    link: Link
    attempt: AttemptId

    def __call__(self) -> None:
        method = interface_of(EngineNotes)["wake"]
        self.link.note(ENGINE, "", method, (self.attempt,))


class _EnginePools:
    """`PoolCalls`."""

    def __init__(self, services: PoolServices, wake: Callable[[AttemptId], None]) -> None:
        self._services = services
        self._wake = wake

    async def allocate(self, token: Token) -> Allocation:
        return await self._services.allocate(token, lambda: self._wake(token.owner))

    async def release(self, token: Token) -> None:
        await self._services.release(token)


class _RemotePools:
    """`PoolServices`; the wake handle stays here, as the engine has the one that it leads to."""

    def __init__(self, calls: PoolCalls) -> None:
        self._calls = calls

    async def allocate(self, token: Token, wake: Callable[[], None]) -> Allocation:
        return await self._calls.allocate(token)

    async def release(self, token: Token) -> None:
        await self._calls.release(token)


class _EngineMetrics:
    """`MetricNotes`."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def record(self, sample: Sample) -> None:
        match sample.kind:
            case "counter":
                self._metrics.counter(sample.name, sample.meaning).add(sample.value)
            case "gauge":
                self._metrics.gauge(sample.name, sample.meaning).set(sample.value)
            case _:
                self._metrics.histogram(sample.name, sample.meaning).observe(sample.value)


class _RemoteMetrics:
    """`Metrics`."""

    def __init__(self, notes: MetricNotes) -> None:
        self._notes = notes

    def counter(self, name: str, meaning: str) -> Counter:
        return _Figure(self._notes, "counter", name, meaning)

    def gauge(self, name: str, meaning: str) -> Gauge:
        return _Figure(self._notes, "gauge", name, meaning)

    def histogram(self, name: str, meaning: str) -> Histogram:
        return _Figure(self._notes, "histogram", name, meaning)


class _Figure(NamedTuple):
    """A figure of any kind."""

    notes: MetricNotes
    kind: str
    name: str
    meaning: str

    def add(self, n: float = 1) -> None:
        self._record(n)

    def set(self, x: float) -> None:
        self._record(x)

    def observe(self, x: float) -> None:
        self._record(x)

    def _record(self, value: float) -> None:
        self.notes.record(Sample(self.kind, self.name, self.meaning, value))
