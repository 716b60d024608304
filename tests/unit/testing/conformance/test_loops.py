"""The loop of a simulated process: no wait takes time, and a killed process does nothing more."""

import asyncio

import pytest

from elevon.testing.conformance.loops import (
    HousekeepingClock,
    ProcessKilledError,
    ProcessLoop,
    StandstillError,
    VirtualClock,
)


def never() -> None:
    """No turn is the last."""


def test_a_wait_takes_as_long_as_it_says_of_the_clock_and_no_time_at_all() -> None:
    clock = VirtualClock()
    began_at = clock.now()
    ProcessLoop(clock, never).live(asyncio.sleep(86_400))
    assert (clock.now() - began_at).total_seconds() == pytest.approx(86_400)


def test_the_next_process_goes_on_where_the_time_stood() -> None:
    clock = VirtualClock()
    for _ in range(2):
        ProcessLoop(clock, never).live(asyncio.sleep(10))
    assert clock.monotonic() == pytest.approx(20)


def test_housekeeping_wakes_when_time_passes_but_is_no_reason_for_it_to_pass() -> None:
    clock = VirtualClock()
    wakes: list[float] = []

    async def keep_house() -> None:
        while True:
            await HousekeepingClock(clock).sleep(1)
            wakes.append(clock.monotonic())

    async def main() -> None:
        task = asyncio.get_running_loop().create_task(keep_house())
        await asyncio.sleep(3600)
        await asyncio.sleep(0)
        task.cancel()

    ProcessLoop(clock, never).live(main())
    assert [round(wake) for wake in wakes] == [3600]


def test_a_process_in_which_nothing_can_happen_any_more_stands_still() -> None:
    async def main() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(StandstillError):
        ProcessLoop(VirtualClock(), never).live(main())


def test_a_killed_process_does_nothing_more() -> None:
    clock = VirtualClock()
    done: list[str] = []

    def take_turn() -> None:
        if clock.monotonic() > 5:
            raise ProcessKilledError

    async def act() -> None:
        try:
            await asyncio.sleep(10)
            done.append("went on")
        except asyncio.CancelledError:
            done.append("was cancelled")

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(3):
                group.create_task(act())
            await asyncio.sleep(6)
            done.append("went on")

    with pytest.raises(ProcessKilledError):
        ProcessLoop(clock, take_turn).live(main())
    assert done == []


def test_the_time_stands_still_while_a_thread_works() -> None:
    clock = VirtualClock()

    async def main() -> int:
        alarm = asyncio.get_running_loop().call_later(1, lambda: None)
        answer = await asyncio.to_thread(lambda: 7)
        alarm.cancel()
        return answer

    assert ProcessLoop(clock, never).live(main()) == 7
    assert clock.monotonic() == 0
