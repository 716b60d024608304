"""A round of the storm of waits: in one home an engine drives what is awaited, another what waits; both are killed.

It owns the processes and the files of the round.
"""

import asyncio
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from elevon import app
from elevon.admin.executions import NewExecution
from elevon.cli import programs
from elevon.idl import literals
from elevon.idl.messages import Literal
from elevon.sdk import types
from elevon.sdk.files import IN_PLACE
from elevon.sdk.types import Waitable
from tests.storm import engines
from tests.storm.engines import Strike
from tests.storm.waits.plans import Plan, Waiter

FLOWS = Path(__file__).with_name("awaited_flows.py")
ROLES = ("awaited", "waiting")


class Round:
    """One round, in a directory of its own.

    Args:
        plan: What happens in it.
        directory: Empty; `HOME` of all its processes.
    """

    def __init__(self, plan: Plan, directory: Path) -> None:
        self.plan = plan
        self.directory = directory
        self.home = app.Home(directory / "home")
        self.ledger = directory / "ledger"
        self.kill_count = 0
        self.story: list[str] = []
        self.complaints: list[str] = []

    def carry_out(self) -> None:
        """Create all executions, then drive, kill, and go on until nobody kills any more."""
        asyncio.run(self._create())
        with ThreadPoolExecutor(len(ROLES)) as pool:
            list(pool.map(self._drive, ROLES))

    async def _create(self) -> None:
        async with app.reading(self.home) as admin:
            for name, workflow in self.plan.awaited.items():
                await admin.create_execution(msgspec.structs.replace(prepared(workflow), name=name))
            for waiter in self.plan.waiters:
                new = msgspec.structs.replace(
                    prepared("waiting"), name=waiter.name, given=self._inputs(waiter)
                )
                await admin.create_execution(new)

    def _inputs(self, waiter: Waiter) -> dict[str, Literal]:
        half = len(waiter.awaits) // 2
        groups = {"some": waiter.awaits[:half], "others": waiter.awaits[half:]}
        runs = {name: [Waitable(one) for one in members] for name, members in groups.items()}
        return {
            "runs": types.to_literal(runs, dict[str, list[Waitable]], IN_PLACE),
            "ledger": literals.string(str(self.ledger)),
        }

    def _drive(self, role: str) -> None:
        """The engines of a role, one after another."""
        for strike in (*self.plan.strikes[role], None):
            if self._go_on(role, strike) != -signal.SIGKILL:
                return
            self.kill_count += 1

    def _go_on(self, role: str, strike: Strike | None) -> int:
        """The next engine; how it ended."""
        words = (self.home.path, self.plan.seed, role)
        ended = engines.driven("tests.storm.waits.program", words, self.directory, strike)
        self.story.append(f"an engine ({role}), to be killed at {strike}, ended with {ended.code}")
        self.complaints.extend(f"{role}: {said}" for said in ended.complaints())
        return ended.code


def prepared(workflow: str) -> NewExecution:
    """What an execution of that workflow needs, but its name and inputs."""
    return programs.load(str(FLOWS), workflow).prepare(None)
