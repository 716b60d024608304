"""Executors that wait for executions, and are wrong about those that were there before them."""

from typing import Any

from elevon.tasktypes.waitable.executor import Context, WaitableExecutor
from elevon.testing import Promise
from elevon.testing.shipped.waitable import WaitableScenario


class EndsNothing(WaitableExecutor):
    async def kill_task(self, ctx: Context, reason: str) -> None:
        await ctx.launcher.kill()


class EndsWhatTheStateTellsAlone(WaitableExecutor):
    async def kill_task(self, ctx: Context, reason: str) -> None:
        if ctx.custom_state is not None:
            await super().kill_task(ctx, reason)


class CheckEndsNothing(WaitableScenario):
    made: Any = EndsNothing

    def executor(self, service: Any) -> WaitableExecutor:
        return self.made(service)


class CheckEndsWhatTheStateTellsAlone(CheckEndsNothing):
    made = EndsWhatTheStateTellsAlone


WRONG = {
    CheckEndsNothing: Promise.KILL,
    CheckEndsWhatTheStateTellsAlone: Promise.KILL,
}
