"""Where time comes from."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """The only source of time; simulated in tests."""

    def now(self) -> datetime:
        """The instant, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after that many seconds of this clock."""
        ...
