"""Events and commands as a person reads them."""

from collections.abc import Iterable

from elevon.propeller.machine import commands
from elevon.propeller.machine.events import (
    Admitted,
    AttemptEvent,
    CallRaised,
    CallSucceeded,
    Event,
    Refused,
    StatusReturned,
    TimerFired,
    TypesReopened,
)


def of_event(event: Event) -> str:
    """One event: `StatusReturned n0#1 check: RUNNING v0`."""
    name = type(event).__name__
    match event:
        case StatusReturned(node_id, attempt, call, answer):
            return f"{name} {node_id}#{attempt} {call}: {answer.phase} v{answer.phase_version}"
        case CallRaised(node_id, attempt, call, failure):
            flags = [each for each in ("is_final", "is_parking", "was_called") if getattr(event, each)]
            return f"{name} {node_id}#{attempt} {call}: {failure.message} ({', '.join(flags)})"
        case CallSucceeded(node_id, attempt, call):
            return f"{name} {node_id}#{attempt} {call}"
        case TimerFired(node_id, attempt, timer):
            return f"{name} {node_id}#{attempt} {timer}"
        case AttemptEvent(node_id, attempt):
            return f"{name} {node_id}#{attempt}"
        case Admitted(node_id) | Refused(node_id):
            return f"{name} {node_id}"
        case TypesReopened(task_types):
            return f"{name} {', '.join(sorted(task_types))}"
        case _:
            return name


def of_commands(given: Iterable[commands.Command]) -> list[str]:
    """Commands in order: `start n0#1`, `call timer n0#1`, `enqueue n2`."""
    return [_of_command(command) for command in given]


def _of_command(command: commands.Command) -> str:
    match command:
        case commands.Call(node_id, attempt, call, may_have_happened):
            return f"{call} {node_id}#{attempt}{', may have happened' if may_have_happened else ''}"
        case commands.Cancel(node_id, attempt):
            return f"cancel {node_id}#{attempt}"
        case commands.SetTimer(node_id, attempt, timer):
            return f"{timer} timer {node_id}#{attempt}"
        case commands.Enqueue(node_id):
            return f"enqueue {node_id}"
        case commands.Dequeue(node_id):
            return f"dequeue {node_id}"
        case commands.Release(node_id, attempt):
            return f"release {node_id}#{attempt}"
        case _:
            return "end"
