"""A server as the site of a command."""

import asyncio
import contextlib
import sys
from collections.abc import Callable, Generator, Sequence
from datetime import timedelta

from elevon.admin.attempts import Order, OrderStanding
from elevon.admin.executions import Pruned
from elevon.admin.rosters import Drained, ExecutorDetails, ExecutorList
from elevon.admin.wire import executions
from elevon.admin.wire.extensions import Update
from elevon.admin.wire.operations import AttemptOrder, Draining, Pruning
from elevon.cli import principals, reports, sights
from elevon.cli.sights import Sight
from elevon.records.executions import ExecutionRecord
from elevon.records.identities import AttemptId, ExecutionId
from elevon.records.leases import RequestKind
from elevon.records.phases import ExecutionPhase
from elevon.serve.clients import Client

_WAIT_S = 20.0
_PAUSE_S = 0.3


@contextlib.contextmanager
def connected(url: str) -> Generator["RemoteSite"]:
    """The server at a URL; if it is there shows with the first request, and on stderr when it is waited for."""

    def say(sentence: str) -> None:
        reports.write(sys.stderr, f"{sentence}\n")  # as it is by then: a tree that is drawn stands in for it

    with contextlib.closing(Client(url, principals.who(), say)) as client:
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
        with sights.looked_for(f"at {self.client.url}"):
            snapshot = await self.client.snapshot(text, is_history_wanted=is_history_wanted)
        return Sight(snapshot.view(), snapshot.is_driven)

    async def find(self, text: str) -> ExecutionRecord:
        with sights.looked_for(f"at {self.client.url}"):
            return await self.client.find(text)

    async def order(self, kind: RequestKind, order: Order) -> AttemptId:
        wanted = AttemptOrder(kind=kind, node=order.node_id, attempt=order.attempt, reason=order.reason)
        return await self.client.order(order.execution.name, wanted)

    async def standing(self, attempt: AttemptId) -> OrderStanding:
        return await self.client.standing(attempt)

    async def delete(self, execution: ExecutionId) -> None:
        await self.client.delete(execution.name)

    async def prune(self, older_than: timedelta) -> Pruned:
        return await self.client.prune(Pruning(older_than_s=older_than.total_seconds()))

    async def abort(self, text: str, by: str, reason: str) -> ExecutionId:
        execution = (await self.find(text)).id
        await self.client.terminate(execution.name, reason)
        return execution

    async def settled(self, execution: ExecutionId) -> ExecutionRecord:
        (record,) = await self.watched([execution], lambda _update: None)
        return record

    async def watched(
        self, executions: Sequence[ExecutionId], tell: Callable[[Update], None]
    ) -> list[ExecutionRecord]:
        """Their records, once all have ended; what changes until then is told."""
        places = dict.fromkeys(executions, 0)
        ended: dict[ExecutionId, ExecutionRecord] = {}
        while places:
            patience_s = _WAIT_S if len(places) == 1 else 0.0
            is_anything_new = is_behind = False
            for execution, after in list(places.items()):
                update = await self.client.update(execution.name, after, patience_s)
                tell(update)
                is_anything_new |= update.after > after
                is_behind |= update.has_more
                places[execution] = update.after
                if update.execution.phase.is_terminal and not update.has_more:
                    ended[execution] = update.execution
                    del places[execution]
            if not is_behind and (len(places) > 1 or not is_anything_new):
                await asyncio.sleep(
                    _PAUSE_S
                )  # one that is asked for several, or is being ended, holds no answer back
        return [ended[execution] for execution in executions]

    async def streams(self, attempt: AttemptId) -> Sequence[str]:
        return await self.client.streams(attempt.execution.name, attempt.node_id, attempt.attempt)

    async def read_log(self, attempt: AttemptId, stream: str, offset: int) -> bytes:
        name = attempt.execution.name
        return await self.client.read_log(name, attempt.node_id, attempt.attempt, stream, offset)


class RemoteExecutors:
    """The executors of a server.

    Args:
        client: Asks it.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    async def list_executors(self) -> ExecutorList:
        return await self._client.list_executors()

    async def show(self, name: str) -> ExecutorDetails:
        return await self._client.show_executor(name)

    async def drain(self, task_type: str, by: str, reason: str) -> Drained:
        return await self._client.drain(task_type, Draining(reason=reason))

    async def resume(self, task_type: str) -> None:
        await self._client.undrain(task_type)
