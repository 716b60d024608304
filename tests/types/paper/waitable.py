"""The waitable executor on paper: follows executions that its inputs name, then runs its own user code."""

from collections.abc import Callable
from typing import Protocol

import msgspec

from elevon.idl import literals
from elevon.idl.messages import LiteralMap, TaskTemplate
from elevon.plugin import Executor, Launch, TaskContext, TaskStatus, status_of_job
from elevon.records.identities import ExecutionId
from elevon.records.phases import ExecutionPhase


class Follower(Protocol):
    """What is needed of the control plane: a cached phase, and a bell when it changes."""

    def phase_of(self, execution: ExecutionId, wake: Callable[[], None]) -> ExecutionPhase | None: ...


class WaitableState(msgspec.Struct, frozen=True):
    awaited: dict[str, ExecutionId]
    phases: dict[str, ExecutionPhase] = {}
    is_launched: bool = False


class WaitableExecutor(Executor[None, WaitableState]):
    id = "waitable"
    task_types = ("waitable",)

    def __init__(self, follower: Follower) -> None:
        self._follower = follower

    async def start_task(
        self, ctx: TaskContext[WaitableState], template: TaskTemplate, spec: None, inputs: LiteralMap
    ) -> TaskStatus[WaitableState]:
        project, _, domain = ctx.namespace.rpartition("-")
        awaited = {
            name: ExecutionId(project, domain, literal.scalar.primitive.string_value)
            for name, literal in inputs.literals.items()
        }
        return TaskStatus.queued(WaitableState(awaited), reason="follows executions")

    async def check_task_status(self, ctx: TaskContext[WaitableState]) -> TaskStatus[WaitableState]:
        state = ctx.state
        if not state.is_launched:
            phases = {name: self._follower.phase_of(one, ctx.wake) for name, one in state.awaited.items()}
            known = {name: phase for name, phase in phases.items() if phase is not None}
            state = msgspec.structs.replace(state, phases=known)
            if len(known) < len(phases) or not all(phase.is_terminal for phase in known.values()):
                return TaskStatus.queued(
                    state, phase_version=sum(phase.is_terminal for phase in known.values())
                )
            return TaskStatus.initializing(msgspec.structs.replace(state, is_launched=True))
        ended = literals.literal_map({name: literals.string(phase) for name, phase in state.phases.items()})
        return status_of_job(await ctx.launcher.poll(Launch(inputs=ended)), state)

    async def kill_task(self, ctx: TaskContext[WaitableState], reason: str) -> None:
        await ctx.launcher.kill()
