"""What the executor asks of whoever runs queries, and what it is told.

It owns the contract between the two, which `tests/contract/hive` holds every backend to. A backend must never know of
attempts, retries, quotas or time-outs, and keeps no truth in memory: what names a query is in the executor's state.
"""

import abc
import enum
from collections.abc import Sequence
from typing import ClassVar

import msgspec

from elevon.plugin.contexts import Json


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """One query, ready to be run.

    Attributes:
        text: In Hive's language, its placeholders replaced: where it writes to stands in it.
        name: Whose it is, for people: execution and node.
        cluster_label: Where it is to run, for backends that have several clusters; empty for the default.
        tags: For whoever looks at the service.
        timeout_s: The executor cancels it when it has run that long, in seconds; 0 for no limit. A backend may hand
            it on to its service as well.
    """

    text: str
    name: str = ""
    cluster_label: str = ""
    tags: tuple[str, ...] = ()
    timeout_s: int = 0


class QueryPhase(enum.StrEnum):
    """Where a query stands; the last four are ends."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"

    @property
    def is_terminal(self) -> bool:
        """Whether it is an end."""
        return self not in (QueryPhase.QUEUED, QueryPhase.RUNNING)


class QueryStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What a backend says of a query now.

    Attributes:
        phase: Where it stands. CANCELLED: by somebody, whoever it was. LOST: the service began it and can't say how
            it ended, because it was restarted or its process was killed.
        message: Why it failed, in the service's words; or, of one under way, what it does.
        link: Where a person can look at it; the same from its first status to its last.
        progress: How much of it is done, in percent; 0 if the service does not say.
        is_mendable: Of a failed one: whether another try may do better. A query that does not parse is not mendable.
    """

    phase: QueryPhase
    message: str = ""
    link: str = ""
    progress: int = 0
    is_mendable: bool = True


class HiveBackend(abc.ABC):
    """Runs queries. All methods are called in one event loop, those for different queries at the same time.

    What a call raises:

    - `plugin.transports.TransportError`, which every call may: with its status, as the table there has it. Without one
      the service could not be reached; 503 and 429 with `retry_after` are borne; of `submit` and `prepare` any other
      status below 500 is a refusal, means that nothing was begun, and fails the query with this text.
    - `TimeoutError` and `ConnectionError` count as unreachable. A call is cancelled after `[executors.hive] call_s`.
    - An error of `elevon.errors`, by its table. Anything else is a failure of the system.

    A token is unique to one submission and deterministic: the engine may be killed at any instruction, and the next one
    asks by the same token. The engine commits its intent before `prepare` and before `submit`, and the answer after.

    Attributes:
        name: As in the configuration.
        resync_s: News is known within so many seconds, unless the configuration says otherwise.
    """

    name: ClassVar[str]
    resync_s: ClassVar[float] = 10.0

    async def open(self) -> None:
        """Make the client; the service need not be there yet.

        Raises:
            UserError: A setting is missing, or a package; names it.
        """
        return

    async def close(self) -> None:
        """Leave the service; queries run on."""
        return

    def check(self, query: Query) -> None:
        """Refuse what can be refused before anything is begun; by default nothing. It is called in a thread.

        A backend whose service reads the text leaves it to the service, which alone knows its language.

        Raises:
            UserError: Names the field, and for a text the line and the column.
        """
        del query

    async def prepare(self, query: Query, token: str) -> Json:
        """What has to be there before the query can be submitted, such as a session; by default nothing, None.

        A step of its own for services that know no tokens: its answer is committed before `submit` is called. If the
        engine dies in between it is called again, so what it makes must do no harm when it is left over.
        """
        del query, token
        return None

    @abc.abstractmethod
    async def submit(self, query: Query, token: str, prepared: Json) -> Json:
        """Begin the query and return what names it, its handle, at once.

        Args:
            query: What to run.
            token: To be sent along, as key, name or tag.
            prepared: The answer of `prepare`.
        """

    @abc.abstractmethod
    async def find(self, token: str, prepared: Json) -> Json:
        """The handle of what was begun under a token, running or ended; None if there surely is nothing.

        None has the query submitted again. A service that can't be asked makes it sure: it ends what may have been
        begun, by closing the session, and then says None.

        Raises:
            MayHaveHappenedError: Nobody can tell; the attempt waits for an operator.
        """

    @abc.abstractmethod
    async def statuses(self, handles: Sequence[Json]) -> Sequence[QueryStatus | None]:
        """Where queries stand, in the order of their handles, at most `[executors.hive] page_size`.

        None for one that the service does not know now: it is lost after a few in a row.
        """

    @abc.abstractmethod
    async def cancel(self, handle: Json) -> None:
        """End a query; when this returns, it runs no more. One that has ended or is not known is fine."""

    async def abandon(self, token: str, prepared: Json) -> None:
        """End what may have been begun under a token, of which no handle is known; by default `find`, then `cancel`."""
        handle = await self.find(token, prepared)
        if handle is not None:
            await self.cancel(handle)

    async def log(self, handle: Json) -> str:
        """What a query that is over has written to its log, for people; by default nothing."""
        del handle
        return ""

    async def release(self, token: str, prepared: Json, handle: Json) -> None:
        """Remove what a query that is over has left: session, staging. May be repeated; by default nothing.

        Args:
            token: Under which it was begun.
            prepared: The answer of `prepare`; None if there was none.
            handle: The answer of `submit`; None if there was none.
        """
        del token, prepared, handle
