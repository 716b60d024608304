"""The backend `qubole`: each query is a command of the Qubole Data Service.

The service knows no tokens, so ours is the command's name, by which one is found whose answer was lost. It is made
unique beforehand, because an account outlives homes, and an execution of the same name may have been there before. This
module owns what the service's words mean; the client owns how they are spelled.
"""

import asyncio
from collections.abc import Sequence
from typing import ClassVar, Final

from elevon import errors
from elevon.plugin import SetupContext
from elevon.plugin.contexts import Json
from elevon.primitives import ids
from elevon.tasktypes.hive.backends.interfaces import HiveBackend, Query, QueryPhase, QueryStatus
from elevon.tasktypes.hive.backends.qubole.clients import PAGE_LIMIT, Command, QdsClient, Submission
from elevon.tasktypes.hive.configurations import HiveConfig

_PHASES: Final = {
    "waiting": QueryPhase.QUEUED,
    "running": QueryPhase.RUNNING,
    "done": QueryPhase.SUCCEEDED,
    "error": QueryPhase.FAILED,
    "cancelled": QueryPhase.CANCELLED,
}
_LOOK_S: Final = 0.2
_REASON_LIMIT: Final = 2000
_HOPELESS: Final = ("ParseException", "SemanticException")


class QuboleBackend(HiveBackend):
    """Runs queries by commands.

    Args:
        setup: Of the executor.
    """

    name: ClassVar[str] = "qubole"
    resync_s: ClassVar[float] = 10.0

    def __init__(self, setup: SetupContext[HiveConfig]) -> None:
        self._settings = setup.config.qubole
        self._secrets = setup.secrets
        self._clock = setup.clock
        self._console = (self._settings.console_url or self._settings.base_url).rstrip("/")
        self._client: QdsClient | None = None

    async def open(self) -> None:
        """Make the client.

        Raises:
            NotFoundError: There is no API token among the secrets.
        """
        await self._token()
        settings = self._settings
        base_url = f"{settings.base_url.rstrip('/')}/api/{settings.api_version}"
        token_name = f"the API token, the secret {settings.secret_group}/{settings.secret_key}"
        self._client = QdsClient(base_url, self._token, token_name, settings.connections)

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.close()

    async def prepare(self, query: Query, token: str) -> Json:
        """What makes the token unique in the account."""
        return ids.new("q", 10)

    async def submit(self, query: Query, token: str, prepared: Json) -> Json:
        """Make a command."""
        submission = Submission(
            query=query.text,
            name=_name_of(token, prepared),
            label=query.cluster_label or None,
            tags=query.tags,
            timeout=query.timeout_s or None,
        )
        return (await self._qds.submit(submission)).id

    async def find(self, token: str, prepared: Json) -> Json:
        """The command of that name, among the newest."""
        found = await self._named(token, prepared)
        return found[0] if found else None

    async def abandon(self, token: str, prepared: Json) -> None:
        """End every command of that name: a request that was sent twice may have made two."""
        for command_id in await self._named(token, prepared):
            await self.cancel(command_id)

    async def statuses(self, handles: Sequence[Json]) -> Sequence[QueryStatus | None]:
        """Ask for each: the interface has no call for several."""
        return await asyncio.gather(*(self._status(_id_of(handle)) for handle in handles))

    async def cancel(self, handle: Json) -> None:
        """Ask for its end, and wait for it."""
        command_id = _id_of(handle)
        command = await self._qds.show(command_id)
        if command is None or _is_over(command):
            return
        await self._qds.kill(command_id)
        while (command := await self._qds.show(command_id)) is not None and not _is_over(command):
            await self._clock.sleep(_LOOK_S)

    async def log(self, handle: Json) -> str:
        """The log of the command."""
        return await self._qds.log(_id_of(handle))

    @property
    def _qds(self) -> QdsClient:
        if self._client is None:
            raise errors.BugError("the qubole backend was not opened")
        return self._client

    async def _token(self) -> str:
        return await self._secrets.get(self._settings.secret_group, self._settings.secret_key)

    async def _named(self, token: str, prepared: Json) -> list[int]:
        """What was submitted under a token, oldest first; the service's own filter may be wider than the name.

        Raises:
            MayHaveHappenedError: It is not among the pages that are searched, and there are more.
        """
        if prepared is None:
            return []  # and so nothing was submitted
        wanted = _name_of(token, prepared)
        found: list[int] = []
        for page in range(1, self._settings.search_pages + 1):
            commands = await self._qds.list(wanted, page)
            found += [command.id for command in commands if command.name == wanted]
            if len(commands) < PAGE_LIMIT:
                break
        else:
            if not found:
                raise errors.MayHaveHappenedError("submit", token)
        return sorted(found)

    async def _status(self, command_id: int) -> QueryStatus | None:
        command = await self._qds.show(command_id)
        if command is None:
            return None
        phase = _PHASES.get(command.status, QueryPhase.RUNNING)  # on its way from one to another
        reason = await self._reason(command_id) if phase is QueryPhase.FAILED else ""
        return QueryStatus(
            phase=phase,
            message=reason,
            link=f"{self._console}/v2/analyze?command_id={command_id}",
            progress=int(command.progress or 0),
            is_mendable=not any(word in reason for word in _HOPELESS),
        )

    async def _reason(self, command_id: int) -> str:
        """Why a command failed, which its log says alone."""
        log = await self._qds.log(command_id)
        lines = [line.strip() for line in log.splitlines() if line.strip()]
        failed = [line for line in lines if line.startswith(("FAILED:", "Error:"))]
        reason = (failed or lines or ["QDS says no reason"])[-1]
        return reason[-_REASON_LIMIT:]


def _name_of(token: str, prepared: Json) -> str:
    return f"{token}-{prepared}"


def _id_of(handle: Json) -> int:
    if not isinstance(handle, int):
        raise errors.CorruptStateError(f"{handle!r} is no command of QDS")
    return handle


def _is_over(command: Command) -> bool:
    return command.status in ("done", "error", "cancelled")
