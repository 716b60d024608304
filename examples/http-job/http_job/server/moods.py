"""How the service misbehaves, as it was commanded to: what stands between a request and its answer."""

import math

import msgspec

from http_job.jobs import Faults


class Mood:
    """The faults that are left, and the requests that are allowed; every call is told the time."""

    def __init__(self) -> None:
        self.faults = Faults()
        self._allowance = 0.0
        self._counted_at = 0.0

    def change(self, faults: Faults, now: float) -> None:
        """Misbehave in another way from now on."""
        self.faults = faults
        self._allowance = faults.requests_per_s
        self._counted_at = now

    def retry_after_s(self, now: float) -> int:
        """Count a request; in how many seconds to come again if it is one too many, else 0."""
        rate = self.faults.requests_per_s
        if not rate:
            return 0
        self._allowance = min(rate, self._allowance + (now - self._counted_at) * rate)
        self._counted_at = now
        if self._allowance < 1.0:
            return math.ceil((1.0 - self._allowance) / rate)
        self._allowance -= 1.0
        return 0

    def refuses_create(self) -> bool:
        """Whether this create is to be refused; counts it."""
        left = self.faults.refused_creates
        self.faults = msgspec.structs.replace(self.faults, refused_creates=max(0, left - 1))
        return left > 0

    def loses_create(self) -> bool:
        """Whether the answer of this create is to be lost; counts it."""
        left = self.faults.lost_creates
        self.faults = msgspec.structs.replace(self.faults, lost_creates=max(0, left - 1))
        return left > 0
