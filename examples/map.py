"""A map: one task for each item of a list, however long an earlier task makes it, and without those that fail."""

import functools
import statistics

from elevon import map_task, task, workflow


@task
def lines(text: str) -> list[str]:
    """The lines of a text."""
    return text.splitlines()


@task(retries=1)
def number(line: str, scale: float) -> float:
    """The number that a line holds, scaled; fails for a line that holds none, and then once more."""
    return scale * float(line)


@task
def mean(values: list[float | None]) -> float:
    """The mean of the values that are there."""
    return statistics.fmean(value for value in values if value is not None)


@workflow
def average(text: str, scale: float = 1.0) -> float:
    """The mean of a column of numbers, at least half of which can be read.

    Each line is a node of its own, two at once; `scale` is the same for all.
    """
    scaled = functools.partial(number, scale=scale)
    return mean(values=map_task(scaled, concurrency=2, min_success_ratio=0.5)(line=lines(text=text)))
