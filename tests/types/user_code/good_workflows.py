"""What a workflow author writes: every line must pass."""

import functools
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple, assert_type

from elevon import OnFailure, Resources, current_context, dynamic, if_, map_task, not_, task, workflow


@dataclass
class Point:
    x: int
    names: list[str]


class Both(NamedTuple):
    total: int
    text: str


@task
def count(text: str) -> int:
    current_context().logger.info("counting")
    return len(text)


@task(retries=2, timeout=timedelta(minutes=1), requests=Resources(cpu=2, mem="1Gi"), environment={"A": "b"})
def both(total: int, factor: float = 1.0) -> Both:
    return Both(total, str(factor))


@task
def point(x: int) -> Point:
    return Point(x, [])


@task
def announce(text: str) -> None: ...


@dynamic(retries=1)
def longest(texts: list[str]) -> int:
    counts = [count(text) for text in texts]
    assert_type(counts[0], int)
    return counts[0] if texts else 0


@workflow
def inner(x: int) -> Point:
    return point(x)


@workflow(on_failure=OnFailure.FAIL_AFTER_EXECUTABLE_NODES_COMPLETE)
def outer(text: str, limit: int = 3) -> tuple[int, str]:
    counted = count(text)
    assert_type(counted, int)
    total, written = both(counted, factor=0.5)
    assert_type(written, str)
    assert_type(longest([text]), int)
    done = announce.with_overrides(node_name="last", retries=1, after=[total])(written)
    assert_type(inner(total), Point)
    assert_type(inner(total).names[0], str)
    chosen = if_((counted > limit) & not_(total == 2), lambda: count(text)).elif_(
        limit == 3, lambda: count(written)
    )
    result = chosen.else_fail("too long")
    assert_type(result, int)
    other = if_(counted > 1, lambda: both(1)).else_(lambda: both(2))
    assert_type(other, Both)
    counts = map_task(count, concurrency=2)(text=[text, written])
    assert_type(counts, list[int])
    some = map_task(functools.partial(both, factor=0.5), min_success_ratio=0.5)([1, 2])
    assert_type(some, list[Both | None])
    assert_type(map_task(count, min_successes=1).with_overrides(retries=2)([text]), list[int | None])
    inner.with_overrides(after=[done, result])(x=other.total)
    return result, other.text


assert_type(outer("a", limit=2), tuple[int, str])
