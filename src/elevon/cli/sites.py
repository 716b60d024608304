"""Where the executions are that a command is about: in a home, or at a server.

A command that only looks, or asks for an end, is written once, for either. It owns the choice between the two, which
the invocation makes.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence
from datetime import timedelta
from pathlib import Path

from elevon import app
from elevon.admin.attempts import Order, OrderStanding
from elevon.admin.executions import Admin, Pruned
from elevon.admin.rosters import Roster
from elevon.app.rosters import HomeExecutors
from elevon.cli import sights
from elevon.cli.invocations import Invocation
from elevon.cli.sights import ExecutorSite, Sight, Site
from elevon.records.executions import ExecutionRecord
from elevon.records.identities import AttemptId, ExecutionId
from elevon.records.leases import RequestKind
from elevon.records.phases import ExecutionPhase

_POLL_S = 0.1
_CHUNK_BYTES = 1 << 16


@contextlib.asynccontextmanager
async def opened(invocation: Invocation) -> AsyncGenerator[Site]:
    """The site that an invocation means."""
    if invocation.remote:
        from elevon.cli import remote_sites  # brings the messages of the control plane

        with remote_sites.connected(invocation.remote) as site:
            yield site
    else:
        async with app.reading(invocation.home) as admin:
            yield HomeSite(admin, invocation.home)


@contextlib.asynccontextmanager
async def executors(invocation: Invocation) -> AsyncGenerator[ExecutorSite]:
    """The executors that an invocation means: those of a server, or those that an engine of the home would have."""
    if invocation.remote:
        from elevon.cli import remote_sites  # brings the messages of the control plane

        invocation.check_engine_is_not_told()
        with remote_sites.connected(invocation.remote) as site:
            yield remote_sites.RemoteExecutors(site.client)
    else:
        settings = invocation.settings
        known = HomeExecutors(invocation.home, settings, app.registry(settings, are_problems_told=False))
        async with app.reading(invocation.home) as admin:
            yield Roster(known, admin.drains)


class HomeSite:
    """A home.

    Args:
        admin: The control plane over its store.
        home: Itself.
    """

    def __init__(self, admin: Admin, home: app.Home) -> None:
        self._admin = admin
        self._home = home

    async def list_executions(
        self, phases: frozenset[ExecutionPhase], limit: int
    ) -> Sequence[ExecutionRecord]:
        return await self._admin.list_executions(phases, limit)

    async def see(self, text: str, *, is_history_wanted: bool = True) -> Sight:
        execution = (await self.find(text)).id
        view = await self._admin.view(execution, is_history_wanted=is_history_wanted)
        return Sight(view, view.owner is not None and self._home.is_alive(view.owner.owner))

    async def find(self, text: str) -> ExecutionRecord:
        with sights.looked_for(f"in {self._home.path}"):
            return await self._admin.find(text)

    async def order(self, kind: RequestKind, order: Order) -> AttemptId:
        return await self._admin.attempts.ask(kind, order)

    async def standing(self, attempt: AttemptId) -> OrderStanding:
        return await self._admin.attempts.standing(attempt, self._home.is_alive)

    async def delete(self, execution: ExecutionId) -> None:
        await self._admin.delete(execution)
        await asyncio.to_thread(self._home.remove_files, execution)

    async def prune(self, older_than: timedelta) -> Pruned:
        removed = await self._admin.prune(older_than)
        for execution in removed.executions:
            await asyncio.to_thread(self._home.remove_files, execution)
        return removed

    async def abort(self, text: str, by: str, reason: str) -> ExecutionId:
        execution = (await self.find(text)).id
        await self._admin.abort(execution, by=by, reason=reason)
        return execution

    async def settled(self, execution: ExecutionId) -> ExecutionRecord:
        while True:
            record = await self._admin.get(execution)
            lease = await self._admin.owner(execution)
            if record.phase.is_terminal or lease is None or not self._home.is_alive(lease.owner):
                return record
            await asyncio.sleep(_POLL_S)

    async def streams(self, attempt: AttemptId) -> Sequence[str]:
        return await asyncio.to_thread(self._home.streams, attempt)

    async def read_log(self, attempt: AttemptId, stream: str, offset: int) -> bytes:
        return await asyncio.to_thread(_read, self._home.log_path(attempt, stream), offset)


def _read(path: Path, offset: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(offset)
            return file.read(_CHUNK_BYTES)
    except FileNotFoundError:
        return b""
