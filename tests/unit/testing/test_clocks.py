"""On a simulated clock hours pass at once, and everything happens in its order."""

import asyncio
import time

import pytest

from elevon import errors
from elevon.testing.clocks import EPOCH, SimulatedClock


def test_hours_pass_at_once_and_in_order() -> None:
    clock = SimulatedClock()
    story: list[tuple[float, str]] = []

    async def tick(name: str, period: float) -> None:
        while True:
            await clock.sleep(period)
            story.append((clock.monotonic(), name))

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(tick("slow", 5_000)), group.create_task(tick("quick", 3_000))]
            await clock.sleep(9_500)
            for task in tasks:
                task.cancel()

    began_at = time.monotonic()
    clock.run(main())
    assert story == [(3_000, "quick"), (5_000, "slow"), (6_000, "quick"), (9_000, "quick")]
    assert (clock.now() - EPOCH).total_seconds() == 9_500
    assert time.monotonic() - began_at < 60


def test_time_outs_go_by_simulated_time() -> None:
    clock = SimulatedClock()

    async def main() -> None:
        async with asyncio.timeout(3_600):
            await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        clock.run(main())
    assert clock.monotonic() == pytest.approx(3_600)


def test_time_stands_still_while_there_is_something_to_do() -> None:
    clock = SimulatedClock()

    async def main() -> float:
        waiting = asyncio.create_task(clock.sleep(1))
        for _ in range(1_000):
            await asyncio.sleep(0)
        elapsed = clock.monotonic()
        await waiting
        return elapsed

    assert clock.run(main()) == 0


def test_a_loop_of_real_time_is_refused() -> None:
    with pytest.raises(errors.BugError, match=r"use SimulatedClock\.run"):
        asyncio.run(SimulatedClock().sleep(1))
