"""The figures of running engines, where others can read them.

Each engine writes a snapshot of its figures to a file in the home once a second, so that `elevon plugin show` has them
from any terminal without a port. It is plain data and no text of Prometheus: then neither side needs its library, and
only an engine that was given a port imports it, for as long as somebody scrapes. A run that ends within the first
second writes nothing. The file goes with the engine, or else with the next one, by the engine's lock.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Final

import msgspec

from elevon import ports
from elevon.app.homes import Home
from elevon.primitives.figures import EngineFigures, Figures

INTERVAL_S: Final = 1.0
_SUFFIX: Final = ".figures.json"
_log = logging.getLogger(__name__)


@contextlib.asynccontextmanager
async def published(
    home: Home, engine_id: str, figures: Figures, clock: ports.Clock, port: int | None
) -> AsyncGenerator[None]:
    """Keep the figures of an engine published.

    Args:
        home: Where its file is.
        engine_id: Whose they are.
        figures: What is published.
        clock: Of the engine.
        port: On which port of this machine a scraper reads them; 0 for any that is free, None for none.

    Raises:
        UnavailableError: The port can't be opened.
    """
    path = home.engines_dir / f"{engine_id}{_SUFFIX}"
    url = ""
    with contextlib.ExitStack() as stack:
        if port is not None:
            from elevon.app import expositions  # takes 0.1 s to import

            url = stack.enter_context(expositions.served(figures, port))

        def take() -> EngineFigures:
            families = figures.snapshot()
            return EngineFigures(engine_id=engine_id, taken_at=clock.now(), url=url, families=families)

        writing = asyncio.ensure_future(_write_always(path, take, clock))
        try:
            yield
        finally:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
            path.unlink(missing_ok=True)


def read(home: Home) -> list[EngineFigures]:
    """The figures of all engines of a home that run now and have run for a second."""
    found: list[EngineFigures] = []
    for path in sorted(home.engines_dir.glob(f"*{_SUFFIX}")):
        if home.is_alive(path.name.removesuffix(_SUFFIX)):
            with contextlib.suppress(OSError, msgspec.MsgspecError):  # just removed, or of another release
                found.append(msgspec.json.decode(path.read_bytes(), type=EngineFigures))
    return found


def remove_stale(home: Home) -> None:
    """Remove what engines have left that were killed."""
    for path in home.engines_dir.glob(f"*{_SUFFIX}"):
        if not home.is_alive(path.name.removesuffix(_SUFFIX)):
            path.unlink(missing_ok=True)


async def _write_always(path: Path, take: Callable[[], EngineFigures], clock: ports.Clock) -> None:
    while True:
        await clock.sleep(INTERVAL_S)
        try:
            await asyncio.to_thread(_write, path, msgspec.json.encode(take()))
        except OSError as error:
            _log.warning("nobody else sees the figures of this engine any more: %s", error)
            return


def _write(path: Path, content: bytes) -> None:
    staged = path.with_suffix(".part")
    staged.write_bytes(content)
    staged.replace(path)
