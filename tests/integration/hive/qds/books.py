"""The commands of the QDS server: a process for each, which runs its text for real; a ledger of all that was asked."""

import asyncio
import itertools
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

LABELS = ("default", "etl")
PROGRAM = (sys.executable, "-m", "tests.integration.hive.qds.runner")


@dataclass
class Command:
    """One command."""

    id: int
    asked: dict[str, Any]
    folder: Path
    status: str = "waiting"
    process: asyncio.subprocess.Process | None = None
    waiter: asyncio.Task[None] | None = None
    created_at: float = field(default_factory=time.time)

    def document(self, prefix: str) -> dict[str, Any]:
        """As the service shows it."""
        return {
            "id": self.id,
            "status": self.status,
            "progress": 100 if self.status == "done" else 0,
            "command_type": self.asked.get("command_type"),
            "name": self.asked.get("name"),
            "label": self.asked.get("label") or "default",
            "tags": self.asked.get("tags"),
            "command": {"query": self.asked["query"]},
            "created_at": self.created_at,
            "meta_data": {
                "results_resource": f"commands/{self.id}/results",
                "logs_resource": f"commands/{self.id}/logs",
            },
            "path": f"{prefix}/commands/{self.id}",
            "qlog": None,
        }


class Book:
    """All commands, and the ledger of them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ids = itertools.count(1)
        self.commands: dict[int, Command] = {}

    async def make(self, asked: dict[str, Any]) -> Command:
        """Begin one."""
        number = next(self._ids)
        made = Command(number, asked, self._folder / str(number))
        made.folder.mkdir(parents=True)
        (made.folder / "query.hql").write_text(asked["query"])
        self.commands[number] = made
        self.note("created", made)
        made.process = await asyncio.create_subprocess_exec(
            *PROGRAM, str(self._folder / "warehouse"), str(made.folder), cwd=Path(__file__).parents[4]
        )
        made.status = "running"
        made.waiter = asyncio.create_task(self._bury(made))
        return made

    async def kill(self, command: Command) -> None:
        """End one."""
        if command.status not in ("waiting", "running"):
            return
        command.status = "cancelling"
        self.note("killed", command)
        if command.process is not None and command.process.returncode is None:
            command.process.send_signal(signal.SIGKILL)

    async def close(self) -> None:
        """End all."""
        for command in self.commands.values():
            await self.kill(command)
        waiters = [one.waiter for one in self.commands.values() if one.waiter is not None]
        await asyncio.gather(*waiters)

    def newest(self) -> Iterator[Command]:
        """From the newest to the oldest."""
        return iter([self.commands[number] for number in sorted(self.commands, reverse=True)])

    def note(self, what: str, command: Command) -> None:
        line = json.dumps(
            {
                "what": what,
                "id": command.id,
                "name": command.asked.get("name"),
                "query": command.asked["query"],
            }
        )
        with (self._folder / "ledger.jsonl").open("a") as file:
            file.write(line + "\n")
            file.flush()
            os.fsync(file.fileno())

    async def _bury(self, command: Command) -> None:
        assert command.process is not None
        code = await command.process.wait()
        if command.status == "cancelling":
            command.status = "cancelled"
        else:
            command.status = "error" if code else "done"
        self.note(command.status, command)
