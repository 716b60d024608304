"""Figures for a scraper: Prometheus' text, and a port of its own for it, on this machine only.

This module alone imports prometheus-client, and is imported only by an engine that was given a port or is scraped.
"""

import asyncio
import contextlib
from collections.abc import Generator, Iterator
from itertools import accumulate

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from elevon import errors
from elevon.primitives.figures import Family, Figures

_HOST = "127.0.0.1"
_PATIENCE_S = 5.0


@contextlib.contextmanager
def served(figures: Figures, port: int) -> Generator[str]:
    """Serve figures over HTTP, from a thread; yields the URL.

    Args:
        figures: Of the engine whose loop runs here.
        port: On which port; 0 for any that is free.

    Raises:
        UnavailableError: The port can't be opened.
    """
    registry = _registry_of(_Snapshots(figures, asyncio.get_running_loop()))
    try:
        server, thread = start_http_server(port, _HOST, registry)
    except OSError as error:
        raise errors.UnavailableError(
            f"the port {port} for metrics can't be opened: {error.strerror}; choose another by --metrics-port"
        ) from error
    try:
        yield f"http://{_HOST}:{server.server_port}/metrics"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def text(figures: Figures) -> tuple[bytes, str]:
    """The figures as they are now, and the media type of that; on the engine's loop."""
    return generate_latest(_registry_of(_Snapshot(figures.snapshot()))), CONTENT_TYPE_LATEST


def _registry_of(collector: Collector) -> CollectorRegistry:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(collector)
    return registry


class _Snapshot(Collector):
    """One snapshot."""

    def __init__(self, families: tuple[Family, ...]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        return map(_metric, self._families)


class _Snapshots(Collector):
    """Takes a snapshot for each scrape, on the engine's loop."""

    def __init__(self, figures: Figures, loop: asyncio.AbstractEventLoop) -> None:
        self._figures = figures
        self._loop = loop

    def collect(self) -> Iterator[Metric]:
        async def take() -> tuple[Family, ...]:
            return self._figures.snapshot()

        taking = asyncio.run_coroutine_threadsafe(take(), self._loop)
        return map(_metric, taking.result(_PATIENCE_S))


def _metric(family: Family) -> Metric:
    """One family in the library's terms; counters get their suffix `_total` there."""
    names = sorted(family.samples[0].labels) if family.samples else []
    if family.kind == "histogram":
        made = HistogramMetricFamily(family.name, family.meaning, labels=names)
        for sample in family.samples:
            bounds = [*map(str, family.bounds), "+Inf"]
            buckets = list(zip(bounds, map(float, accumulate(sample.counts)), strict=True))
            made.add_metric([sample.labels[name] for name in names], buckets, sample.value)
        return made
    kind = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
    plain = kind(family.name, family.meaning, labels=names)
    for sample in family.samples:
        plain.add_metric([sample.labels[name] for name in names], sample.value)
    return plain
