"""How often something may happen: a token bucket on an injected clock.

It owns the arithmetic of one limit; it must never know what it limits.
"""

from typing import Protocol


class Time(Protocol):
    """What of a clock is needed here."""

    def monotonic(self) -> float:
        """Seconds that never go back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after that many seconds."""
        ...


class TokenBucket:
    """At most `burst` at once, and `rate` a second in the long run, in the order of asking.

    A turn is booked when it is asked for, so nobody waits behind a turn that has not come; one that is cancelled while
    it waits is lost.

    Args:
        rate: Turns a second; more than 0.
        burst: Turns that a pause saves up; at least 1.
        clock: The only source of time.

    Raises:
        ValueError: A limit under which nothing could ever happen.
    """

    def __init__(self, rate: float, burst: int, clock: Time) -> None:
        if not (rate > 0 and burst >= 1):
            raise ValueError(
                f"rate={rate}, burst={burst} lets nothing happen: use a rate above 0 and a burst from 1"
            )
        self._interval_s = 1 / rate
        self._saved_s = (burst - 1) * self._interval_s
        self._clock = clock
        self._next_at = clock.monotonic() - self._saved_s

    async def acquire(self) -> None:
        """Return when it is the caller's turn."""
        now = self._clock.monotonic()
        turn_at = max(self._next_at, now - self._saved_s)
        self._next_at = turn_at + self._interval_s
        if turn_at > now:
            await self._clock.sleep(turn_at - now)
