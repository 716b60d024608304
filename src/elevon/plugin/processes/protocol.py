"""What the engine and a host process may ask of each other, as Protocols; `interfaces` carries them across.

An async method is answered, a plain one is a note. Everything here is a value or can be made of one. A change of what
is said needs a new `VERSION`: both ends of a pipe may be of different releases, in two virtual environments.
"""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec

from elevon.plugin.descriptions import Description
from elevon.plugin.executors import DiscoveredTypes
from elevon.plugin.invocations import Invocation
from elevon.plugin.pools import Allocation
from elevon.primitives.log_contexts import LogContext
from elevon.records.answers import Reply
from elevon.records.failures import Failure
from elevon.records.identities import AttemptId
from elevon.records.tokens import Token

VERSION: Final = 2


class Greeting(msgspec.Struct, frozen=True, kw_only=True):
    """What a process must know before all else.

    Attributes:
        import_path: Where to look for modules besides the process's own places, as the engine does.
        log_level: What is logged below it is not sent.
    """

    import_path: tuple[str, ...] = ()
    log_level: int


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """An executor that the process is to serve.

    Attributes:
        id: Its id.
        path: Its class, `module:Class`.
        settings: Its configuration, as it was read.
        state_limit_bytes: Largest encoded custom state.
        state_dir: Its own directory.
        pools: Names of the resource pools.
        time_limit: Of `initialize`.
        grace: How long a cancelled call may take to end.
    """

    id: str
    path: str
    settings: Mapping[str, Any]
    state_limit_bytes: int
    state_dir: Path
    pools: frozenset[str]
    time_limit: timedelta
    grace: timedelta


class LogLine(msgspec.Struct, frozen=True):
    """A record of the standard library's logging.

    Attributes:
        logger: Name of the logger.
        level: As a number.
        text: The message, with the traceback where there is one.
        context: For whom; None if for nobody in particular.
    """

    logger: str
    level: int
    text: str
    context: LogContext | None = None


class Sample(msgspec.Struct, frozen=True):
    """One change of a figure.

    Attributes:
        kind: Of which kind the figure is: a method of `Metrics`.
        name: Its name.
        meaning: In words.
        value: What was added, set or observed.
    """

    kind: str
    name: str
    meaning: str
    value: float


class HostCalls(Protocol):
    """What the engine asks of a process: service `host`."""

    async def greet(self, greeting: Greeting) -> str:
        """The release of elevon there."""
        ...

    async def open(self, opening: Opening) -> Failure | None:
        """Make an executor and initialize it; why it failed, if it did."""
        ...

    async def carry_out(self, executor_id: str, invocation: Invocation) -> Reply:
        """See `ExecutorHost.carry_out`."""
        ...

    async def discover_types(self, executor_id: str) -> DiscoveredTypes:
        """See `Executor.discover_types`."""
        ...

    async def close(self, executor_id: str, grace: timedelta) -> None:
        """End its calls and close it; one that is not open is fine."""
        ...

    async def beat(self) -> None:
        """Answer, to show that the loop does."""
        ...


class EngineNotes(Protocol):
    """What a process tells the engine: service `engine`."""

    def wake(self, attempt: AttemptId) -> None:
        """There is news of an attempt."""
        ...

    def log(self, line: LogLine) -> None:
        """Something was logged."""
        ...


class PoolCalls(Protocol):
    """`PoolServices`, without the wake handle: the engine has that of the token's owner."""

    async def allocate(self, token: Token) -> Allocation:
        """See `PoolServices.allocate`."""
        ...

    async def release(self, token: Token) -> None:
        """See `PoolServices.release`."""
        ...


class MetricNotes(Protocol):
    """What an executor counts and measures."""

    def record(self, sample: Sample) -> None:
        """A figure has changed."""
        ...


class Inquiry(msgspec.Struct, frozen=True, kw_only=True):
    """What a process is asked that only describes its environment.

    Attributes:
        tasktypes: Executors, as `module:Class`; empty for all that installed packages offer.
        configuration: Settings of executors, by their ids.
        import_path: Where to look for modules besides its own places.
    """

    tasktypes: tuple[str, ...]
    configuration: Mapping[str, Mapping[str, Any]]
    import_path: tuple[str, ...]


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """Who answers; every release can read this of every other.

    Attributes:
        version: Of this protocol.
        elevon: Of elevon.
    """

    version: int
    elevon: str


class Findings(Release, frozen=True, kw_only=True):
    """What there is in an environment.

    Attributes:
        executors: Those that can be served.
        problems: Names and reasons of those that can't.
        refused: What is wrong with the configuration; empty if nothing is.
    """

    executors: tuple[Description, ...] = ()
    problems: tuple[tuple[str, str], ...] = ()
    refused: str = ""
