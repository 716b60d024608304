"""How long to wait before a call is repeated: exponential, jittered, limited, and the same in every replay."""

import hashlib
from datetime import timedelta

import msgspec


class Backoff(msgspec.Struct, frozen=True, kw_only=True):
    """The engine's patience with calls that raise.

    Attributes:
        first: Wait after the first failure.
        longest: Wait never grows beyond this.
        limit: So many consecutive failures of start or check end the attempt; kill is repeated for ever.
    """

    first: timedelta = timedelta(milliseconds=500)
    longest: timedelta = timedelta(seconds=60)
    limit: int = 8

    def after(self, failure_count: int, name: str) -> timedelta:
        """The wait after that many consecutive failures: doubled each time, times 0.5 to 1.

        The jitter is a digest of the name and the count, as the machine has no randomness: different attempts
        spread, and a replay waits as long as the original.

        Args:
            failure_count: At least 1.
            name: Whose call it is.
        """
        doubled = self.first * 2 ** min(failure_count - 1, 16)
        seed = hashlib.blake2b(f"{name}#{failure_count}".encode(), digest_size=2).digest()
        return min(doubled, self.longest) * (0.5 + int.from_bytes(seed, "big") / 131_070)
