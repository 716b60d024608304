"""The backend `embedded`: each query is a pod of the cluster port, which a local cluster runs as a process.

So it survives the engine, is found by its name, and ends when it is deleted. This module owns names and files of
queries; it must never compute anything.
"""

import asyncio
import importlib.util
import shutil
import sys
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar, Final

from elevon import errors
from elevon.plugin import SetupContext
from elevon.plugin.contexts import Json
from elevon.plugin.kubernetes import Manifest, ResourceKey, ResourceKind
from elevon.primitives import files, ids
from elevon.tasktypes.hive.backends.embedded import orders, readings
from elevon.tasktypes.hive.backends.embedded.orders import Order, Outcome
from elevon.tasktypes.hive.backends.embedded.warehouses import Warehouse
from elevon.tasktypes.hive.backends.interfaces import HiveBackend, Query, QueryPhase, QueryStatus
from elevon.tasktypes.hive.configurations import HiveConfig

_POD: Final = ResourceKind("v1", "Pod")
_NAMESPACE: Final = "hive"
_PROGRAM: Final = "elevon.tasktypes.hive.backends.embedded.program"
_NAME_LENGTH: Final = 63
_LOOK_S: Final = 0.02
_LOG_LIMIT_BYTES: Final = 1 << 16


class EmbeddedBackend(HiveBackend):
    """Runs queries by DuckDB, over tables in the home.

    Args:
        setup: Of the executor.
    """

    name: ClassVar[str] = "embedded"
    resync_s: ClassVar[float] = 0.2

    def __init__(self, setup: SetupContext[HiveConfig]) -> None:
        if (
            importlib.util.find_spec("duckdb") is None
        ):  # which the processes of queries import, and nobody here
            raise ModuleNotFoundError("No module named 'duckdb'", name="duckdb")
        self._settings = setup.config.embedded
        self._cluster = setup.cluster
        self._clock = setup.clock
        self._root = setup.state_dir
        self._warehouse = Path(self._settings.warehouse or self._root / "warehouse").absolute()

    async def open(self) -> None:
        """Make the folders."""
        await asyncio.to_thread(files.make_folder, self._root / "queries")
        await asyncio.to_thread(files.make_folder, self._warehouse)

    def check(self, query: Query) -> None:
        """Refuse what does not parse: nobody else reads it."""
        readings.parse(query.text)

    async def submit(self, query: Query, token: str, prepared: Json) -> Json:
        """Make the pod; it begins as soon as there is room."""
        name = _name_of(token)
        folder = self._folder(name)
        order = Order(
            token=name,
            name=query.name,
            text=query.text,
            warehouse=str(self._warehouse),
            history=str(self._root / "history.jsonl"),
            threads=self._settings.threads,
            memory=self._settings.memory,
        )
        await asyncio.to_thread(orders.write_order, folder, order)
        try:
            await self._cluster.create(_pod(name, folder))
        except errors.ConflictError:
            return name  # an earlier call has made it
        return name

    async def find(self, token: str, prepared: Json) -> Json:
        """The pod of that name."""
        name = _name_of(token)
        return None if await self._cluster.get(_key(name)) is None else name

    async def statuses(self, handles: Sequence[Json]) -> Sequence[QueryStatus | None]:
        """What the processes have said, and of those that have said nothing what the cluster says."""
        return [await self._status(str(handle)) for handle in handles]

    async def cancel(self, handle: Json) -> None:
        """Delete the pod, and wait until it is gone."""
        name = str(handle)
        folder = self._folder(name)
        await self._end(name)
        if await asyncio.to_thread(orders.read_outcome, folder) is None and folder.is_dir():
            await asyncio.to_thread(orders.write_outcome, folder, Outcome(phase="cancelled"))

    async def release(self, token: str, prepared: Json, handle: Json) -> None:
        """Delete the pod, its files, and what it has staged."""
        name = _name_of(token)
        await self._end(name)
        await asyncio.to_thread(shutil.rmtree, self._folder(name), ignore_errors=True)
        await asyncio.to_thread(Warehouse(self._warehouse, name).release)

    async def log(self, handle: Json) -> str:
        """What the process wrote."""
        return await asyncio.to_thread(_tail, self._folder(str(handle)) / orders.LOG)

    async def _end(self, name: str) -> None:
        await self._cluster.delete(_key(name), grace=timedelta(0))
        while await self._cluster.get(_key(name)) is not None:
            await self._clock.sleep(_LOOK_S)

    async def _status(self, name: str) -> QueryStatus | None:
        folder = self._folder(name)
        outcome = await asyncio.to_thread(orders.read_outcome, folder)
        if outcome is None:
            pod = await self._cluster.get(_key(name))
            outcome = await asyncio.to_thread(orders.read_outcome, folder)  # it may have ended meanwhile
            if outcome is None:
                return None if pod is None else _status_of_pod(pod)
        return QueryStatus(
            phase=QueryPhase(outcome.phase), message=outcome.message, is_mendable=outcome.is_mendable
        )

    def _folder(self, name: str) -> Path:
        return self._root / "queries" / name


def _status_of_pod(pod: Manifest) -> QueryStatus:
    """Where a query stands whose process has not said how it ended."""
    status: Mapping[str, Any] = pod["status"]
    match status["phase"]:
        case "Pending":
            return QueryStatus(phase=QueryPhase.QUEUED)
        case "Running":
            return QueryStatus(phase=QueryPhase.RUNNING)
        case _:
            message = f"its process ended without a result: {_ending(status)}"
            return QueryStatus(phase=QueryPhase.LOST, message=message)


def _ending(status: Mapping[str, Any]) -> str:
    said: list[str] = [str(status[field]) for field in ("message",) if status.get(field)]
    for one in status.get("containerStatuses", ()):
        ended = one.get("state", {}).get("terminated")
        if ended:
            said.append(
                f"exit code {ended['exitCode']} ({ended['reason']}) {ended.get('message', '')}".strip()
            )
    return "; ".join(said) or "nothing is known of it"


def _pod(name: str, folder: Path) -> Manifest:
    container = {"name": "query", "command": [sys.executable, "-P", "-m", _PROGRAM, str(folder)]}
    return {
        "apiVersion": _POD.api_version,
        "kind": _POD.kind,
        "metadata": {"name": name, "namespace": _NAMESPACE},
        "spec": {
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 0,
            "containers": [{**container, "terminationMessagePolicy": "FallbackToLogsOnError"}],
        },
    }


def _key(name: str) -> ResourceKey:
    return ResourceKey(_POD, _NAMESPACE, name)


def _name_of(token: str) -> str:
    return ids.generated_name(token, _NAME_LENGTH)


def _tail(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _LOG_LIMIT_BYTES))
            return file.read().decode(errors="replace")
    except FileNotFoundError:
        return ""
