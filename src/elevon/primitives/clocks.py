"""The real clock. The simulated one is in `elevon.testing`."""

import asyncio
import time
from datetime import UTC, datetime


class SystemClock:
    """Wall time and monotonic time of this machine; the adapter of `ports.Clock`."""

    def now(self) -> datetime:
        """The instant, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Return after that many seconds."""
        await asyncio.sleep(seconds)
