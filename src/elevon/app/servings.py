"""The engine as a service: an embedded engine, the control plane beside it, and HTTP in front of both."""

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncGenerator, Iterable
from pathlib import Path

import msgspec

from elevon import errors
from elevon.admin.executions import NewExecution
from elevon.admin.rosters import Roster
from elevon.admin.wire.admin_services import AdminService
from elevon.admin.wire.extensions import Extensions
from elevon.admin.wire.news import News
from elevon.admin.wire.operations import Operations
from elevon.app import announcements
from elevon.app.compositions import Embedded, embedded
from elevon.app.homes import Home
from elevon.app.rosters import HomeExecutors
from elevon.app.settings import Settings
from elevon.records.identities import AttemptId, ExecutionId
from elevon.serve import applications, servers
from elevon.serve.own_routes import Probes
from elevon.serve.servers import Listener

_log = logging.getLogger(__name__)


class Service(msgspec.Struct, frozen=True):
    """An engine that is served.

    Attributes:
        embedded: The engine, which `embedded.engine.serve` is still to be called for.
        listener: Where it is reached.
        news: Who waits for answers; to be closed when the service is to end.
    """

    embedded: Embedded
    listener: Listener
    news: News


@contextlib.asynccontextmanager
async def service(home: Home, settings: Settings, listener: Listener) -> AsyncGenerator[Service]:
    """Bring up an engine, and answer requests as long as the context lasts."""
    async with embedded(home, settings) as made:
        news = News()
        made.engine.observe(news.notice)
        engines = _Engines(made, home)
        roster = Roster(HomeExecutors(home, settings, made.executors.registry), made.admin.drains)
        application = applications.application(
            AdminService(made.admin, engines, settings.max_parallelism),
            Extensions(made.admin, engines, news),
            Operations(made.admin, engines, roster),
            Probes(lambda: made.engine.is_ready, lambda: _metrics(made)),
            made.figures,
            listener.names,
        )
        async with contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(servers.served(application, listener))
            stack.callback(news.close)
            stack.enter_context(announcements.announced(home, made.engine.id, listener.url))
            yield Service(made, listener, news)


class _Engines:
    """`admin.wire.engines.Engines` of one engine and its home."""

    def __init__(self, made: Embedded, home: Home) -> None:
        self._made = made
        self._home = home

    async def task_types(self, wanted: Iterable[str]) -> frozenset[str] | None:
        return await self._made.task_types(wanted)

    async def ensure_served(self, new: NewExecution) -> None:
        try:
            await self._made.ensure_served(new)
        except errors.UnavailableError as error:
            # Who asked is told, and is seldom who can mend it.
            _log.warning("an execution was refused: %s", error)
            raise

    def take_up(self, execution: ExecutionId) -> None:
        self._made.engine.take_up(execution)

    def resume(self, execution: ExecutionId) -> None:
        self._made.engine.take_up(execution, is_asked=True)

    async def heed(self) -> None:
        await self._made.engine.heed()

    def is_alive(self, engine_id: str) -> bool:
        return self._home.is_alive(engine_id)

    async def remove_files(self, execution: ExecutionId) -> None:
        await asyncio.to_thread(self._home.remove_files, execution)

    async def streams(self, attempt: AttemptId) -> tuple[str, ...]:
        return await asyncio.to_thread(self._home.streams, attempt)

    async def read_log(self, attempt: AttemptId, stream: str, offset: int, limit: int) -> bytes:
        path = self._home.log_path(attempt, stream)
        return await asyncio.to_thread(_read, path, offset, limit)


def _read(path: Path, offset: int, limit: int) -> bytes:
    try:
        with path.open("rb") as file:
            if offset >= os.fstat(file.fileno()).st_size:  # no file system seeks to any number
                return b""
            file.seek(offset)
            return file.read(limit)
    except FileNotFoundError:
        return b""


def _metrics(made: Embedded) -> tuple[bytes, str]:
    from elevon.app import expositions  # takes 0.1 s to import, and nobody may ever ask

    return expositions.text(made.figures)
