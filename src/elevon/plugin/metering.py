"""How executors, and what this package gives them, count and measure: Protocols, and one that keeps nothing.

It exists so that an executor can be measured without importing a library of metrics; the engine brings one, and labels
everything with the executor's id. It must never keep a figure itself.
"""

from typing import Final, Protocol


class Counter(Protocol):
    """A figure that only grows."""

    def add(self, n: float = 1) -> None:
        """Count `n` more; from any thread."""
        ...


class Gauge(Protocol):
    """A figure as it is now."""

    def set(self, x: float) -> None:
        """Replace it; from any thread."""
        ...


class Histogram(Protocol):
    """How figures are distributed."""

    def observe(self, x: float) -> None:
        """Add one figure; from any thread."""
        ...


class Metrics(Protocol):
    """Makes what is measured; to ask twice for one name gives the same figure.

    Names are words joined by underscores and end in their unit where they have one (`cache_sync_seconds`); a
    `meaning` is one line for people.
    """

    def counter(self, name: str, meaning: str) -> Counter:
        """The counter of that name."""
        ...

    def gauge(self, name: str, meaning: str) -> Gauge:
        """The gauge of that name."""
        ...

    def histogram(self, name: str, meaning: str) -> Histogram:
        """The histogram of that name."""
        ...


class _Nothing:
    def add(self, n: float = 1) -> None:
        pass

    def set(self, x: float) -> None:
        pass

    def observe(self, x: float) -> None:
        pass


class _NoMetrics:
    def counter(self, name: str, meaning: str) -> Counter:
        return _NOTHING

    def gauge(self, name: str, meaning: str) -> Gauge:
        return _NOTHING

    def histogram(self, name: str, meaning: str) -> Histogram:
        return _NOTHING


_NOTHING: Final = _Nothing()
NO_METRICS: Final[Metrics] = _NoMetrics()
