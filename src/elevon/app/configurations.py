"""The configuration of a home: `elevon.toml`, what every command of that home is told unless an option says otherwise.

It owns the names of the settings, which `docs/operations.md` documents, and refuses what it does not know, so that a
mistyped setting is never passed over in silence. What an executor's settings mean is the executor's matter.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, cast

import msgspec

from elevon import errors
from elevon.app.logs import LogSettings
from elevon.app.settings import SecretSettings, Settings
from elevon.primitives import suggestions
from elevon.records.tokens import PoolLimits

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
        pools: Limits of each resource pool, by its name.
        secrets: Where secrets are looked for.
        metrics: Where figures are shown.
        logs: What the log of a command is to be.
    """

    engine: Engine = Engine()
    tasktypes: tuple[str, ...] = ()
    executors: Mapping[str, dict[str, Any]] = {}
    pools: Mapping[str, Pool] = {}
    secrets: SecretSettings = SecretSettings()
    metrics: Metrics = Metrics()
    logs: LogSettings = LogSettings()


_TABLES: Final = {"engine": Engine, "secrets": SecretSettings, "metrics": Metrics, "logs": LogSettings}


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
    _check_names(path, document, Configuration, "")
    for name, known in _TABLES.items():
        if isinstance(document.get(name), dict):
            _check_names(path, document[name], known, f"{name}.")
    pools = document.get("pools")
    for name in cast("dict[str, Any]", pools) if isinstance(pools, dict) else ():
        if isinstance(document["pools"][name], dict):
            _check_names(path, document["pools"][name], Pool, f"pools.{name}.")
    try:
        return msgspec.convert(document, Configuration)
    except msgspec.ValidationError as error:
        raise errors.UserError(f"{path}: {error}") from error


def _check_names(path: Path, table: Mapping[str, Any], known: type[msgspec.Struct], prefix: str) -> None:
    for name in table:
        if name not in known.__struct_fields__:
            raise errors.UserError(
                f"{path}: there is no setting {prefix}{name}: {suggestions.hint(name, known.__struct_fields__)}"
            )
