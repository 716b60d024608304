"""A token bucket lets through a burst, then a steady rate, in order."""

import asyncio

import pytest

from elevon.primitives.rates import TokenBucket
from elevon.testing.clocks import SimulatedClock


def instants_of(clock: SimulatedClock, bucket: TokenBucket, count: int, pause_s: float = 0) -> list[float]:
    async def turn() -> float:
        await bucket.acquire()
        return clock.monotonic()

    async def main() -> list[float]:
        await clock.sleep(pause_s)
        return await asyncio.gather(*(turn() for _ in range(count)))

    return clock.run(main())


def test_after_a_burst_turns_come_at_the_rate() -> None:
    clock = SimulatedClock()
    instants = instants_of(clock, TokenBucket(rate=2, burst=3, clock=clock), 6)
    assert instants == pytest.approx([0, 0, 0, 0.5, 1.0, 1.5])


def test_a_pause_saves_up_no_more_than_the_burst() -> None:
    clock = SimulatedClock()
    bucket = TokenBucket(rate=1, burst=2, clock=clock)
    instants_of(clock, bucket, 4)
    resumed_at = clock.monotonic() + 100
    instants = instants_of(clock, bucket, 4, pause_s=100)
    assert [at - resumed_at for at in instants] == pytest.approx([0, 0, 1, 2])


@pytest.mark.parametrize(("rate", "burst"), [(0, 1), (-1, 1), (1, 0), (float("nan"), 1)])
def test_a_limit_that_lets_nothing_happen_is_refused(rate: float, burst: int) -> None:
    with pytest.raises(ValueError, match="lets nothing happen"):
        TokenBucket(rate, burst, SimulatedClock())
