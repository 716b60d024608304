"""Counted and measured figures of one process, kept as plain numbers.

It exists because recording is always on: a figure costs a fraction of a microsecond and no library is loaded for it.
Whoever shows the figures takes a snapshot, which is plain data; a library of metrics (prometheus-client, 0.1 s to
import) is only needed where one is asked for its text format. This module owns names, labels and buckets; it must never
know what is measured. Every method may be called from any thread. What is infinite or no number is passed over: it
would spoil every sum that it goes into, and many who read a snapshot can't write it.
"""

import math
import re
import threading
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Final, Literal, TypeAlias, TypeVar

import msgspec

from elevon import errors

Kind: TypeAlias = Literal["counter", "gauge", "histogram"]
Labels: TypeAlias = tuple[tuple[str, str], ...]

SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)
AMOUNTS: Final = tuple(float(digit * 10**power) for power in range(7) for digit in (1, 2, 5))
_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_]*")


class Sample(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One figure of a family.

    Attributes:
        labels: Values by name.
        value: Of a counter or gauge; the sum of what a histogram observed.
        counts: Of a histogram: how many were in each bucket, the last one without a bound.
    """

    labels: Mapping[str, str]
    value: float
    counts: tuple[int, ...] = ()

    @property
    def count(self) -> int:
        """How many figures a histogram observed."""
        return sum(self.counts)


class Family(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All figures of one name.

    Attributes:
        name: Words joined by underscores.
        meaning: One line for people.
        kind: What they are.
        bounds: Of a histogram: upper bounds of its buckets but the last.
        samples: One for each combination of labels.
    """

    name: str
    meaning: str
    kind: Kind
    bounds: tuple[float, ...] = ()
    samples: tuple[Sample, ...] = ()


class EngineFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What an engine has counted and measured.

    Attributes:
        engine_id: Which one.
        taken_at: When.
        url: Where a scraper reads them; empty for nowhere.
        families: The figures, by name.
    """

    engine_id: str
    taken_at: datetime
    url: str = ""
    families: tuple[Family, ...]


class Counter:
    """A figure that only grows."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._value = 0.0

    def add(self, n: float = 1) -> None:
        """Count `n` more."""
        if math.isfinite(n):
            with self._lock:
                self._value += n

    def sample(self, labels: Labels) -> Sample:
        """What it is now."""
        return Sample(labels=dict(labels), value=self._value)


class Gauge:
    """A figure as it is now."""

    def __init__(self) -> None:
        self._value = 0.0

    def set(self, x: float) -> None:
        """Replace it."""
        if math.isfinite(x):
            self._value = x

    def sample(self, labels: Labels) -> Sample:
        """What it is now."""
        return Sample(labels=dict(labels), value=self._value)


class Histogram:
    """How figures are distributed.

    Args:
        bounds: Upper bounds of the buckets, ascending; one without a bound is added.
    """

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._lock = threading.Lock()
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, x: float) -> None:
        """Add one figure."""
        if not math.isfinite(x):
            return
        index = bisect_left(self._bounds, x)
        with self._lock:
            self._counts[index] += 1
            self._sum += x

    def sample(self, labels: Labels) -> Sample:
        """What it is now."""
        with self._lock:
            return Sample(labels=dict(labels), value=self._sum, counts=tuple(self._counts))


Figure: TypeAlias = Counter | Gauge | Histogram
F = TypeVar("F", Counter, Gauge, Histogram)


class _Kept(msgspec.Struct):
    family: Family
    figures: dict[Labels, Figure]


class Figures:
    """All figures of one engine; asking twice for one name and labels gives the same figure."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[str, _Kept] = {}
        self._refreshers: list[Callable[[], None]] = []

    def counter(self, name: str, meaning: str, **labels: str) -> Counter:
        """The counter of that name and labels.

        Raises:
            UserError: The name is no name, or that of a figure of another kind.
        """
        return self._figure(Family(name=name, meaning=meaning, kind="counter"), labels, Counter)

    def gauge(self, name: str, meaning: str, **labels: str) -> Gauge:
        """The gauge of that name and labels; raises as `counter` does."""
        return self._figure(Family(name=name, meaning=meaning, kind="gauge"), labels, Gauge)

    def histogram(self, name: str, meaning: str, **labels: str) -> Histogram:
        """The histogram of that name and labels, its buckets by the unit in its name; raises as `counter` does."""
        bounds = SECONDS if name.endswith("_seconds") else AMOUNTS
        family = Family(name=name, meaning=meaning, kind="histogram", bounds=bounds)
        return self._figure(family, labels, lambda: Histogram(bounds))

    def refresh_by(self, refresh: Callable[[], None]) -> None:
        """Have it called before each snapshot: what is cheaper to look up than to follow is set there."""
        self._refreshers.append(refresh)

    def snapshot(self) -> tuple[Family, ...]:
        """All figures as they are now, by name; on the thread of those who refresh."""
        for refresh in self._refreshers:
            refresh()
        with self._lock:
            kept = [(known.family, list(known.figures.items())) for _, known in sorted(self._kept.items())]
        return tuple(msgspec.structs.replace(family, samples=_samples(figures)) for family, figures in kept)

    def _figure(self, family: Family, labels: Mapping[str, str], make: Callable[[], F]) -> F:
        if not _NAME.fullmatch(family.name):
            raise errors.UserError(f"{family.name!r} is no name of a figure: join words by underscores")
        key = tuple(sorted(labels.items()))
        with self._lock:
            kept = self._kept.setdefault(family.name, _Kept(family, {}))
            if kept.family.kind != family.kind:
                raise errors.UserError(
                    f"the figure {family.name!r} is a {kept.family.kind} already and can't be a {family.kind}: "
                    "give it another name"
                )
            figure = kept.figures.get(key)
            if figure is None:
                figure = kept.figures[key] = make()
        return figure  # pyright: ignore[reportReturnType] - the kind says which


def _samples(figures: Iterable[tuple[Labels, Figure]]) -> tuple[Sample, ...]:
    return tuple(figure.sample(labels) for labels, figure in sorted(figures, key=lambda entry: entry[0]))
