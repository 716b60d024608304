"""Figures are counted by name and labels, and read as a snapshot."""

import math
import threading

import msgspec
import pytest

from elevon import errors
from elevon.primitives.figures import Family, Figures, Sample


def families(figures: Figures) -> dict[str, Family]:
    return {family.name: family for family in figures.snapshot()}


def test_one_name_with_the_same_labels_is_one_figure() -> None:
    figures = Figures()
    figures.counter("calls", "calls made", executor="a", call="start").add()
    figures.counter("calls", "calls made", call="start", executor="a").add(2)
    figures.counter("calls", "calls made", executor="b", call="start").add()
    assert families(figures)["calls"] == Family(
        name="calls",
        meaning="calls made",
        kind="counter",
        samples=(
            Sample(labels={"call": "start", "executor": "a"}, value=3),
            Sample(labels={"call": "start", "executor": "b"}, value=1),
        ),
    )


def test_a_gauge_is_what_was_set_last() -> None:
    figures = Figures()
    figures.gauge("size", "items").set(3)
    figures.gauge("size", "items").set(2)
    assert families(figures)["size"].samples == (Sample(labels={}, value=2),)


def test_a_histogram_counts_by_buckets_that_its_unit_decides() -> None:
    figures = Figures()
    for seconds in (0.0001, 0.001, 0.0011, 3600):
        figures.histogram("sync_seconds", "duration").observe(seconds)
    figures.histogram("batch_items", "size").observe(300)
    family = families(figures)["sync_seconds"]
    (sample,) = family.samples
    assert (sample.count, sample.value) == (4, pytest.approx(3600.0022))
    assert sample.counts[:3] == (1, 1, 1)
    assert sample.counts[-1] == 1
    assert len(sample.counts) == len(family.bounds) + 1
    assert families(figures)["batch_items"].bounds[-1] == 5_000_000


def test_figures_are_counted_from_any_thread() -> None:
    figures = Figures()

    def count() -> None:
        for _ in range(2000):
            figures.counter("calls", "calls").add()
            figures.histogram("size", "size").observe(1)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert families(figures)["calls"].samples[0].value == 8000
    assert families(figures)["size"].samples[0].count == 8000


def test_what_is_looked_up_is_looked_up_at_each_snapshot() -> None:
    figures = Figures()
    sizes = iter([1, 2])
    figures.refresh_by(lambda: figures.gauge("size", "items").set(next(sizes)))
    assert [families(figures)["size"].samples[0].value for _ in range(2)] == [1, 2]


def test_a_name_belongs_to_one_kind() -> None:
    figures = Figures()
    figures.counter("calls", "calls")
    with pytest.raises(errors.UserError, match=r"'calls' is a counter already and can't be a gauge"):
        figures.gauge("calls", "calls", executor="another")
    assert [sample.labels for sample in families(figures)["calls"].samples] == [{}]


@pytest.mark.parametrize("x", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_passed_over_and_spoils_no_snapshot(x: float) -> None:
    figures = Figures()
    figures.gauge("size", "items").set(x)
    figures.counter("calls", "calls").add(x)
    figures.histogram("sync_seconds", "duration").observe(x)
    snapshot = figures.snapshot()
    assert [sample.value for family in snapshot for sample in family.samples] == [0, 0, 0]
    assert msgspec.json.decode(msgspec.json.encode(snapshot), type=tuple[Family, ...]) == snapshot


@pytest.mark.parametrize("name", ["", "calls-made", "1st", "_calls", "größe", "calls made"])
def test_what_no_scraper_reads_is_no_name(name: str) -> None:
    with pytest.raises(errors.UserError, match="is no name of a figure"):
        Figures().counter(name, "calls")


def test_a_snapshot_survives_json() -> None:
    figures = Figures()
    figures.histogram("sync_seconds", "duration", executor="a").observe(1)
    figures.counter("calls", "calls").add()
    snapshot = figures.snapshot()
    assert msgspec.json.decode(msgspec.json.encode(snapshot), type=tuple[Family, ...]) == snapshot
