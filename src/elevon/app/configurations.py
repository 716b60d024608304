"""The configuration of a home: `elevon.toml`, what every command of that home is told unless an option says otherwise.

It owns the names of the settings, which `docs/operations.md` documents, and refuses what it does not know, so that a
mistyped setting is never passed over in silence. What an executor's settings mean is the executor's matter.
"""

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar, cast

import msgspec

from elevon import errors
from elevon.app.logs import LogSettings
from elevon.app.settings import SecretSettings, Settings
from elevon.plugin.descriptions import OWN, HostSettings
from elevon.primitives import misfits, quantities, suggestions
from elevon.records.tokens import PoolLimits

T = TypeVar("T")
_DEFAULTS: Final = Settings()
_Count = Annotated[int, msgspec.Meta(ge=1)]


class Engine(msgspec.Struct, frozen=True, kw_only=True):
    """The table `[engine]`.

    Attributes:
        workers: Processes that run Python tasks.
        max_parallelism: Limit on attempts under way at once of a new execution; 0 for none.
        default_executor: Id of the executor for types that nobody registered; empty for none.
        state_limit_bytes: Largest encoded custom state.
    """

    workers: _Count = _DEFAULTS.workers
    max_parallelism: Annotated[int, msgspec.Meta(ge=0)] = _DEFAULTS.max_parallelism
    default_executor: str = _DEFAULTS.default_executor
    state_limit_bytes: _Count = _DEFAULTS.state_limit_bytes


class Pool(msgspec.Struct, frozen=True, kw_only=True):
    """A table `[pools.NAME]`.

    Attributes:
        limit: Tokens that may be held at once.
        limit_per_namespace: Tokens that the attempts of one project and domain may hold at once; 0 for no limit.
    """

    limit: _Count
    limit_per_namespace: Annotated[int, msgspec.Meta(ge=0)] = 0

    @property
    def limits(self) -> PoolLimits:
        """What the engine is told."""
        return PoolLimits(limit=self.limit, limit_per_namespace=self.limit_per_namespace)


class Host(msgspec.Struct, frozen=True, kw_only=True):
    """A table `[hosts.NAME]`.

    Attributes:
        python: An interpreter, in an environment of its own; relative to the file. Empty for the engine's.
        tasktypes: Executors there, as `module:Class`; empty for all that its packages offer.
        memory_limit: Limit on the resident memory of the process, as `512Mi`; empty for none.
    """

    python: str = ""
    tasktypes: tuple[str, ...] = ()
    memory_limit: str = ""

    def settings(self, name: str, origin: Path) -> HostSettings:
        """What the engine is told.

        Raises:
            UserError: The memory is no quantity, or it is not clear which executors are meant.
        """
        if not self.python and not self.tasktypes:
            raise errors.UserError(
                f"{origin}: [hosts.{name}] names neither python nor tasktypes: say whose executors it is to run"
            )
        try:
            limit = int(quantities.parse(self.memory_limit)) if self.memory_limit else 0
        except errors.UserError as error:
            raise errors.UserError(f"{origin}: hosts.{name}.memory_limit: {error}") from error
        python = str(origin.parent / Path(self.python).expanduser()) if self.python else OWN
        return HostSettings(name=name, python=python, tasktypes=self.tasktypes, memory_limit_bytes=limit)


class Cluster(msgspec.Struct, frozen=True, kw_only=True):
    """The table `[cluster]`.

    Attributes:
        images: What pods run for an image on this machine where they name no command, by the image's name.
    """

    images: Mapping[str, Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]] = {}


class Metrics(msgspec.Struct, frozen=True, kw_only=True):
    """The table `[metrics]`.

    Attributes:
        port: Where a scraper reads the figures of an engine, on this machine; 0 for any port that is free.
    """

    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] | None = None


class Configuration(msgspec.Struct, frozen=True, kw_only=True):
    """The whole file.

    Attributes:
        engine: What engines of this home are told.
        tasktypes: Executors to register, as `module:Class`.
        executors: Settings of each executor, by its id.
        hosts: Processes of their own for executors, by their names.
        pools: Limits of each resource pool, by its name.
        cluster: What the cluster of one machine is told.
        secrets: Where secrets are looked for.
        metrics: Where figures are shown.
        logs: What the log of a command is to be.
    """

    engine: Engine = Engine()
    tasktypes: tuple[str, ...] = ()
    executors: Mapping[str, dict[str, Any]] = {}
    hosts: Mapping[str, Host] = {}
    pools: Mapping[str, Pool] = {}
    cluster: Cluster = Cluster()
    secrets: SecretSettings = SecretSettings()
    metrics: Metrics = Metrics()
    logs: LogSettings = LogSettings()


_NAMED_TABLES: Final = {"pools": Pool, "hosts": Host}


def read(path: Path) -> Configuration:
    """What a file says; everything is left open if there is none.

    Raises:
        UserError: It can't be read, or says something that has no meaning; names the file and the setting.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):  # a home that is no directory is refused by who opens it
        return Configuration()
    except OSError as error:
        raise errors.UserError(f"{path} can't be read: {error.strerror}") from error
    except ValueError as error:  # TOMLDecodeError, and bytes that are no text
        raise errors.UserError(f"{path} is no TOML: {error}") from error
    for stray in misfits.strays(document, Configuration):
        hint = suggestions.hint(stray.name, stray.known)
        raise errors.UserError(f"{path}: there is no setting {stray.place}: {hint}")
    for kind, known in _NAMED_TABLES.items():
        for name, table in _tables(document, kind):
            _fitting(path, table, known, kind, name)  # alone, as msgspec does not tell which of them it is
    for name, table in _tables(document, "executors"):
        _fitting(path, table, dict[str, Any], "executors", name)
    return _fitting(path, document, Configuration)


def _tables(document: Mapping[str, Any], kind: str) -> Iterable[tuple[str, Any]]:
    """The tables of a kind, such as `[pools.NAME]`, by their names."""
    tables = document.get(kind)
    return cast("dict[str, Any]", tables).items() if isinstance(tables, dict) else ()


def _fitting(path: Path, data: Any, wanted: type[T], *names: str) -> T:
    """What is in the file under some names, as what it has to be."""
    try:
        return msgspec.convert(data, wanted)
    except msgspec.ValidationError as error:
        raise errors.UserError(f"{path}: {misfits.misfit(error, wanted).sentence(*names)}") from error
