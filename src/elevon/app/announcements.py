"""Where the servers of a home are reached, for whoever has only the home.

Each server writes its URL to a file beside its engine's lock, so that a command that has to leave something to it can
name it. The file goes with the server, or else with the next engine, by that lock; it says nothing once that is free.
"""

import contextlib
import logging
from collections.abc import Generator
from pathlib import Path
from typing import Final

from elevon.app.homes import Home

_SUFFIX: Final = ".server"
_log = logging.getLogger(__name__)


@contextlib.contextmanager
def announced(home: Home, engine_id: str, url: str) -> Generator[None]:
    """Have the server of an engine found as long as the context lasts."""
    path = _path_of(home, engine_id)
    staged = path.with_suffix(".staged")
    try:
        staged.write_text(url, encoding="utf-8")
        staged.replace(path)
    except OSError as error:
        _log.warning("commands in the home %s can't name the server at %s: %s", home.path, url, error)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def url_of(home: Home, engine_id: str) -> str:
    """Where the server of an engine that lives is reached; empty if it has none."""
    if not home.is_alive(engine_id):
        return ""
    with contextlib.suppress(OSError):
        return _path_of(home, engine_id).read_text(encoding="utf-8")
    return ""


def remove_stale(home: Home) -> None:
    """Remove what servers have left that were killed."""
    for path in home.engines_dir.glob(f"*{_SUFFIX}"):
        if not home.is_alive(path.stem):
            path.unlink(missing_ok=True)


def _path_of(home: Home, engine_id: str) -> Path:
    return home.engines_dir / f"{engine_id}{_SUFFIX}"
