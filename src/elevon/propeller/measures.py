"""What an engine measures of itself, and what its executors measure under their own names.

It owns the names that `docs/operations.md` documents: `elevon_...` for the engine's figures, `elevon_plugin_...` for
what executors count by `SetupContext.metrics`. Both carry the executor's id as a label and stay few: no label holds
the id of an execution, a node or an attempt.
"""

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

import msgspec

from elevon.plugin import metering
from elevon.primitives.figures import Figures, Histogram
from elevon.propeller.machine.events import CallRaised, Event
from elevon.records.answers import CallKind

PLUGIN_PREFIX: Final = "elevon_plugin_"


class Standing(msgspec.Struct, frozen=True):
    """Where an attempt that has not ended stands.

    Attributes:
        executor_id: Who serves it.
        is_parked: Whether it waits for an operator or another release.
    """

    executor_id: str
    is_parked: bool


class PoolCounts(NamedTuple):
    """How a resource pool is used.

    Attributes:
        pool: Its name.
        held_count: Tokens that are held.
        waiting_count: Attempts that wait for one.
    """

    pool: str
    held_count: int
    waiting_count: int


class PluginMetrics:
    """`plugin.metering.Metrics` of one executor.

    Args:
        figures: Of the engine.
        executor_id: Whose they are.
    """

    def __init__(self, figures: Figures, executor_id: str) -> None:
        self._figures = figures
        self._executor_id = executor_id

    def counter(self, name: str, meaning: str) -> metering.Counter:
        """The counter of that name."""
        return self._figures.counter(PLUGIN_PREFIX + name, meaning, executor=self._executor_id)

    def gauge(self, name: str, meaning: str) -> metering.Gauge:
        """The gauge of that name."""
        return self._figures.gauge(PLUGIN_PREFIX + name, meaning, executor=self._executor_id)

    def histogram(self, name: str, meaning: str) -> metering.Histogram:
        """The histogram of that name."""
        return self._figures.histogram(PLUGIN_PREFIX + name, meaning, executor=self._executor_id)


class _Calls(msgspec.Struct):
    """The figures of one kind of call of one executor."""

    seconds: Histogram
    in_flight: int = 0


class Measures:
    """The engine's own figures; its methods belong to the engine's loop.

    Args:
        figures: Where they are kept.
    """

    def __init__(self, figures: Figures) -> None:
        self._figures = figures
        self._calls: dict[tuple[str, CallKind], _Calls] = {}
        self._executors: set[str] = set()
        self._standings: list[Callable[[], Iterable[Standing]]] = []
        self._rows = figures.counter("elevon_commit_rows", "rows made durable")
        self._commit_seconds = figures.histogram(
            "elevon_commit_seconds", "from handing a batch of rows to the store until it is durable"
        )
        figures.refresh_by(self._refresh)

    def of_executor(self, executor_id: str) -> PluginMetrics:
        """What an executor measures itself."""
        return PluginMetrics(self._figures, executor_id)

    def look_at(self, standings: Callable[[], Iterable[Standing]]) -> None:
        """Count what this gives, at each snapshot: attempts are followed by nobody, and looked at now and then."""
        self._standings.append(standings)

    def look_at_pools(self, counts: Callable[[], Iterable[PoolCounts]]) -> None:
        """Show what this gives, at each snapshot."""

        def refresh() -> None:
            for pool, held_count, waiting_count in counts():
                self._figures.gauge("elevon_pool_tokens", "tokens that are held", pool=pool).set(held_count)
                self._figures.gauge("elevon_pool_waiting", "attempts that wait for a token", pool=pool).set(
                    waiting_count
                )

        self._figures.refresh_by(refresh)

    def begin_call(self, executor_id: str, call: CallKind) -> None:
        """A call is made."""
        self._calls_of(executor_id, call).in_flight += 1

    def end_call(self, executor_id: str, call: CallKind, seconds: float, event: Event | None) -> None:
        """A call has ended: with its event, or cancelled with the engine."""
        calls = self._calls_of(executor_id, call)
        calls.in_flight -= 1
        calls.seconds.observe(seconds)
        if isinstance(event, CallRaised):
            self._figures.counter(
                "elevon_call_errors",
                "calls that raised or were out of time, by code of the error",
                executor=executor_id,
                call=call,
                code=event.failure.code,
            ).add()

    def count_setback(self, executor_id: str) -> None:
        """An executor reported a phase before the one that its attempt had."""
        self._figures.counter(
            "elevon_phase_setbacks",
            "phases that went back and were kept where they were",
            executor=executor_id,
        ).add()

    def count_commit(self, row_count: int, seconds: float) -> None:
        """A batch has become durable."""
        self._rows.add(row_count)
        self._commit_seconds.observe(seconds)

    def _calls_of(self, executor_id: str, call: CallKind) -> _Calls:
        key = (executor_id, call)
        known = self._calls.get(key)
        if known is None:
            seconds = self._figures.histogram(
                "elevon_call_seconds", "duration of calls", executor=executor_id, call=call
            )
            known = self._calls[key] = _Calls(seconds)
        return known

    def _refresh(self) -> None:
        for (executor_id, call), calls in self._calls.items():
            self._figures.gauge(
                "elevon_calls_in_flight", "calls under way", executor=executor_id, call=call
            ).set(calls.in_flight)
        counts = {executor_id: [0, 0] for executor_id in self._executors}
        for standings in self._standings:
            for standing in standings():
                counts.setdefault(standing.executor_id, [0, 0])[standing.is_parked] += 1
        self._executors.update(counts)
        for executor_id, (under_way, parked) in counts.items():
            self._figures.gauge(
                "elevon_attempts_in_flight", "attempts that have not ended", executor=executor_id
            ).set(under_way + parked)
            self._figures.gauge(
                "elevon_attempts_parked",
                "attempts that wait for an operator or a release",
                executor=executor_id,
            ).set(parked)
