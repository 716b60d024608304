"""Who ends a host again and again is found, and the others are not held for it."""

import asyncio

from elevon.plugin.processes.suspects import Suspects
from elevon.records.identities import AttemptId, ExecutionId

A, B, C = (AttemptId(ExecutionId("p", "d", "x"), name, 0) for name in "abc")


def test_call_that_was_under_way_alone_is_counted() -> None:
    suspects = Suspects()
    suspects.accuse([A])
    suspects.accuse([A])
    assert suspects.death_count(A) == 2


def test_several_are_suspects_and_none_is_counted() -> None:
    suspects = Suspects()
    suspects.accuse([A, B])
    assert suspects.death_count(A) == suspects.death_count(B) == 0


def test_suspect_is_counted_before_whoever_is_new() -> None:
    suspects = Suspects()
    suspects.accuse([A, B])
    suspects.accuse([A, C])
    assert suspects.death_count(A) == 1
    assert suspects.death_count(C) == 0


def test_answer_acquits() -> None:
    suspects = Suspects()
    suspects.accuse([A])
    suspects.acquit(A)
    assert suspects.death_count(A) == 0


async def test_suspects_are_called_one_at_a_time_and_others_at_once() -> None:
    suspects = Suspects()
    suspects.accuse([A, B])
    order: list[str] = []
    gate = asyncio.Event()

    async def first() -> None:
        async with suspects.turn(A):
            order.append("a")
            await gate.wait()

    async def second() -> None:
        async with suspects.turn(B):
            order.append("b")

    async def third() -> None:
        async with suspects.turn(C):
            order.append("c")
            gate.set()

    async with asyncio.TaskGroup() as group:
        for work in (first, second, third):
            group.create_task(work())
    assert order == ["a", "c", "b"]
