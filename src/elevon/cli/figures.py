"""What running engines count and measure, for whoever looks at one executor.

The names are those that Prometheus reads. It must never open a store: the figures are in files of their own.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import accumulate

from elevon.cli import documents, spellings
from elevon.primitives.figures import EngineFigures, Family, Sample

_SHARE = 0.95


def lines(engines: Sequence[EngineFigures], executor_id: str, now: datetime) -> Iterator[str]:
    """The figures of an executor, and those of its engines that belong to nobody, a line each."""
    for engine in engines:
        age = spellings.duration(now - engine.taken_at)
        yield f"engine {engine.engine_id}, {age} ago{f', also at {engine.url}' if engine.url else ''}:"
        for family, sample in _wanted(engine, executor_id):
            labels = ", ".join(value for name, value in sorted(sample.labels.items()) if name != "executor")
            yield f"  {family.name}{f' ({labels})' if labels else ''}: {_spelled(family, sample)}"


def document(engine: EngineFigures, executor_id: str) -> documents.Document:
    """The same of one engine for a program; of a histogram the count and the sum."""
    return {
        "engine": engine.engine_id,
        "taken_at": documents.instant(engine.taken_at),
        "url": engine.url or None,
        "figures": [
            {
                "name": family.name,
                "labels": dict(sample.labels),
                **(
                    {"count": sample.count, "sum": sample.value}
                    if family.kind == "histogram"
                    else {"value": sample.value}
                ),
            }
            for family, sample in _wanted(engine, executor_id)
        ],
    }


def _wanted(engine: EngineFigures, executor_id: str) -> Iterator[tuple[Family, Sample]]:
    for family in engine.families:
        for sample in family.samples:
            if sample.labels.get("executor", executor_id) == executor_id:
                yield family, sample


def _spelled(family: Family, sample: Sample) -> str:
    if family.kind != "histogram":
        return _amount(family.name, sample.value)
    if not sample.count:
        return "0"
    mean = _amount(family.name, sample.value / sample.count)
    bounds = zip(family.bounds, accumulate(sample.counts), strict=False)
    bound = next((bound for bound, count in bounds if count >= _SHARE * sample.count), None)
    limit = "" if bound is None else f", {_SHARE:.0%} within {_amount(family.name, bound)}"
    return f"{sample.count}, {mean} on average{limit}"


def _amount(name: str, value: float) -> str:
    if not name.endswith("_seconds"):
        return f"{value:g}"
    return f"{value * 1000:.3g} ms" if value < 1 else spellings.duration(timedelta(seconds=value))
