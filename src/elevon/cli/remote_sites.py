"""A server as the site of a command."""

import asyncio
import contextlib
import sys
from collections.abc import Callable, Generator, Sequence

from elevon.admin.wire import executions
from elevon.admin.wire.extensions import Update
from elevon.cli import orders, reports
from elevon.cli.sights import Sight
from elevon.records.executions import ExecutionRecord
from elevon.records.identities import AttemptId, ExecutionId
from elevon.records.phases import ExecutionPhase
from elevon.serve.clients import Client

_WAIT_S = 20.0
_PAUSE_S = 0.3


@contextlib.contextmanager
def connected(url: str) -> Generator["RemoteSite"]:
    """The server at a URL; if it is there shows with the first request, and on stderr when it is waited for."""

    def say(sentence: str) -> None:
        reports.write(sys.stderr, f"{sentence}\n")  # as it is by then: a tree that is drawn stands in for it

    with contextlib.closing(Client(url, orders.who(), say)) as client:
        yield RemoteSite(client)


class RemoteSite:
    """A server.

    Args:
        client: Asks it.
    """

    def __init__(self, client: Client) -> None:
        self.client = client

    async def list_executions(
        self, phases: frozenset[ExecutionPhase], limit: int
    ) -> Sequence[ExecutionRecord]:
        filters = f"value_in(phase,{';'.join(sorted(phases))})" if phases else ""
        found: list[ExecutionRecord] = []
        token = ""
        while True:
            page = await self.client.list_page(filters, limit - len(found) if limit else 0, token)
            found.extend(executions.record_of(message) for message in page.executions)
            token = page.token
            if not token or (limit and len(found) >= limit):
                return found

    async def see(self, text: str, *, is_history_wanted: bool = True) -> Sight:
        snapshot = await self.client.snapshot(text, is_history_wanted=is_history_wanted)
        return Sight(snapshot.view(), snapshot.is_driven)

    async def abort(self, text: str, by: str, reason: str) -> ExecutionId:
        execution = (await self.client.snapshot(text, is_history_wanted=False)).rows.execution.id
        await self.client.terminate(execution.name, reason)
        return execution

    async def settled(self, execution: ExecutionId) -> ExecutionRecord:
        return await self.watched(execution, lambda _update: None)

    async def watched(self, execution: ExecutionId, tell: Callable[[Update], None]) -> ExecutionRecord:
        """Its record, once it has ended; what changes until then is told."""
        after = 0
        while True:
            update = await self.client.update(execution.name, after, _WAIT_S)
            tell(update)
            if update.execution.phase.is_terminal:
                return update.execution
            if update.after == after:
                await asyncio.sleep(_PAUSE_S)  # a server that is being ended holds no answer back
            after = update.after

    async def streams(self, attempt: AttemptId) -> Sequence[str]:
        return await self.client.streams(attempt.execution.name, attempt.node_id, attempt.attempt)

    async def read_log(self, attempt: AttemptId, stream: str, offset: int) -> bytes:
        name = attempt.execution.name
        return await self.client.read_log(name, attempt.node_id, attempt.attempt, stream, offset)
