"""Many time limits on one timer: whose time is up is told so in time, and nobody else is."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from elevon.primitives.alarms import Alarms, Limit
from elevon.testing.conformance.loops import ProcessLoop, VirtualClock


def live(main: Coroutine[Any, Any, None]) -> float:
    """Run on a time that takes none; how long it took."""
    clock = VirtualClock()
    ProcessLoop(clock, lambda: None).live(main)
    return clock.monotonic()


def test_alarms_ring_when_their_time_has_come_whatever_came_and_went_before() -> None:
    rung: list[tuple[str, float]] = []

    async def main() -> None:
        alarms, loop = Alarms(), asyncio.get_running_loop()

        def set_one(name: str, after_s: float) -> None:
            alarms.set(after_s, lambda: rung.append((name, round(loop.time(), 3))))

        alarms.set(10, lambda: rung.append(("cancelled", 0))).cancel()
        await asyncio.sleep(1)
        set_one("long", 10)
        await asyncio.sleep(1)
        set_one("short", 3)
        set_one("longer", 10)
        await asyncio.sleep(60)
        set_one("late", 10)
        await asyncio.sleep(60)

    live(main())
    assert rung == [("short", 5), ("long", 11), ("longer", 12), ("late", 72)]


def test_an_alarm_that_is_cancelled_in_the_turn_in_which_it_is_due_does_not_ring() -> None:
    rung: list[str] = []

    async def main() -> None:
        alarms = Alarms()
        second = None

        def ring_first() -> None:
            rung.append("first")
            assert second is not None
            second.cancel()

        alarms.set(1, ring_first)
        second = alarms.set(1, lambda: rung.append("second"))
        await asyncio.sleep(5)

    live(main())
    assert rung == ["first"]


def test_one_that_raises_keeps_no_other_from_ringing() -> None:
    rung: list[str] = []

    async def main() -> None:
        alarms = Alarms()
        alarms.set(1, lambda: 1 / 0)
        alarms.set(1, lambda: rung.append("second"))
        await asyncio.sleep(5)

    live(main())
    assert rung == ["second"]


def test_no_timer_is_left_once_nothing_waits() -> None:
    async def main() -> None:
        alarms = Alarms()
        for _ in range(100):
            alarms.set(10, lambda: None).cancel()
            await asyncio.sleep(1)

    assert live(main()) == pytest.approx(100)


def test_a_limit_ends_what_takes_longer_and_says_so() -> None:
    async def main() -> None:
        alarms = Alarms()
        with Limit(alarms, 5) as limit:
            await asyncio.sleep(4)
        assert not limit.is_reached
        with pytest.raises(TimeoutError), Limit(alarms, 5) as limit:
            await asyncio.sleep(60)
        assert limit.is_reached
        await asyncio.sleep(1)  # it is cancelled no more

    assert live(main()) == pytest.approx(10)


def test_a_task_that_somebody_cancels_is_cancelled_and_not_late() -> None:
    async def limited() -> None:
        with Limit(Alarms(), 5):
            try:
                await asyncio.sleep(60)
            finally:
                await asyncio.sleep(60)  # the limit comes while it ends

    async def main() -> None:
        task = asyncio.get_running_loop().create_task(limited())
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        assert task.cancelling() == 1

    live(main())


def test_a_limit_within_a_limit_leaves_the_outer_one_its_word() -> None:
    async def main() -> None:
        alarms = Alarms()
        with pytest.raises(TimeoutError), Limit(alarms, 5) as outer, Limit(alarms, 10) as inner:
            await asyncio.sleep(60)
        assert outer.is_reached
        assert not inner.is_reached

    live(main())
