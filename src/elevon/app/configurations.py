"""The configuration of a home: `elevon.toml`, what every command of that home is told unless an option says otherwise.

It owns the names of the settings, which `docs/operations.md` documents, and refuses what it does not know, so that a
mistyped setting is never passed over in silence. What an executor's settings mean is the executor's matter.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec

from elevon import errors
from elevon.app.settings import Settings
from elevon.primitives import suggestions

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


class Configuration(msgspec.Struct, frozen=True, kw_only=True):
    """The whole file.

    Attributes:
        engine: What engines of this home are told.
        tasktypes: Executors to register, as `module:Class`.
        executors: Settings of each executor, by its id.
    """

    engine: Engine = Engine()
    tasktypes: tuple[str, ...] = ()
    executors: Mapping[str, dict[str, Any]] = {}


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
    engine = document.get("engine")
    if isinstance(engine, dict):
        _check_names(path, document["engine"], Engine, "engine.")
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
