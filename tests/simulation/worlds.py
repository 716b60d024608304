"""The world outside the engine: services with jobs, executors that fail in every way, and a ledger of all calls.

It survives the engine's crashes. It judges at once what the contract forbids at once, and the rest at the end.
"""

import random
from collections import Counter
from datetime import datetime, timedelta

import msgspec

from elevon.compiler.graphs import TaskSettings
from elevon.idl import literals
from elevon.idl.messages import LiteralMap
from elevon.propeller.machine.commands import Call
from elevon.propeller.machine.events import (
    CallRaised,
    CallSucceeded,
    Event,
    StatusReturned,
)
from elevon.records.answers import Answer, CallKind
from elevon.records.attempts import AttemptRecord
from elevon.records.failures import Failure
from elevon.records.nodes import Expansion
from elevon.records.phases import AttemptPhase
from tests.simulation import plans

Key = tuple[str, int]
REQUIRES_FINALIZER = {"swift": False, "slow": True, "rare": False}
HAS_FINALIZER = {"swift": False, "slow": True, "rare": True}


class BrokenPromise(Exception):
    """The engine did what the contract forbids."""


class Weather(msgspec.Struct, frozen=True, kw_only=True):
    """Which kinds of trouble there may be; a story is shortened by taking them away one by one."""

    crashes: bool = True
    aborts: bool = True
    start_faults: bool = True
    check_faults: bool = True
    kill_faults: bool = True
    finalize_faults: bool = True
    failures: bool = True
    parking: bool = True
    missing_types: bool = True
    wakes: bool = True
    limits: bool = True
    recovered: bool = True
    operators: bool = True
    drains: bool = True


class Script(msgspec.Struct, kw_only=True):
    """How one attempt goes, whatever the engine does."""

    not_ready: int
    start_faults: list[str]
    check_faults: list[str]
    kill_faults: list[str]
    finalize_faults: list[str]
    queued_for: float
    lasts: float
    outcome: AttemptPhase
    shown_first: AttemptPhase | None


class Job(msgspec.Struct, kw_only=True):
    """What stands in the service for one attempt, and the ledger of its calls."""

    created_at: datetime | None = None
    killed_at: datetime | None = None
    value: int = 0
    calls: Counter[CallKind] = msgspec.field(default_factory=Counter[CallKind])
    kills: int = 0
    finalizes: int = 0
    state: int = 0


class World:
    """All services."""

    def __init__(self, seed: int, weather: Weather) -> None:
        self._seed = seed
        self._weather = weather
        self._scripts: dict[Key, Script] = {}
        self._rng = random.Random(f"world {seed}")
        self._fault_odds = self._rng.choice((0.05, 0.15, 0.4))
        self._luck = self._rng.choice((10, 40))
        self.jobs: dict[Key, Job] = {}
        self.settings: dict[str, TaskSettings] = {}
        self.futures: dict[str, Expansion] = {}
        self.is_mended = False

    def carry_out(self, call: Call, row: AttemptRecord, inputs: LiteralMap, now: datetime) -> Event:
        """The effect of one call, and what the engine will hear of it."""
        key = (call.node_id, call.attempt)
        job = self.jobs.setdefault(key, Job())
        script = self._script(key)
        job.calls[call.call] += 1
        match call.call:
            case CallKind.START:
                return self._start(call, job, script, inputs, now)
            case CallKind.CHECK:
                return self._check(call, job, script, row, now)
            case CallKind.KILL:
                return self._kill(call, job, script, now)
            case _:
                return self._finalize(call, job, script, row)

    def is_running(self, key: Key, now: datetime) -> bool:
        """Whether the attempt's job is neither over nor killed."""
        job = self.jobs.get(key)
        if job is None or job.created_at is None or job.killed_at is not None:
            return False
        return now < self._ends_at(key, job.created_at)

    def outcome_of(self, key: Key) -> AttemptPhase:
        """How the attempt's job ends if nobody kills it."""
        return self._script(key).outcome

    def _start(self, call: Call, job: Job, script: Script, inputs: LiteralMap, now: datetime) -> Event:
        if script.not_ready and job.created_at is None:
            script.not_ready -= 1
            return self._answer(call, job, AttemptPhase.WAITING_FOR_RESOURCES)
        fault = self._next(script.start_faults)
        if fault in ("before", "final", "park", "hang"):
            return self._raised(call, fault)
        if job.created_at is not None and not call.start_may_have_happened:
            raise BrokenPromise(f"{call.node_id}#{call.attempt} was started twice unknowingly")
        if job.created_at is None:
            job.created_at = now
            values = [plans.number_of(each) for each in inputs.literals.values()]
            job.value = plans.value_of_task(call.node_id, values)
        if fault == "after":
            return self._raised(call, fault)
        if script.lasts == 0 and script.queued_for == 0:
            return self._ended(call, job, script)
        return self._answer(call, job, script.shown_first)

    def _check(self, call: Call, job: Job, script: Script, row: AttemptRecord, now: datetime) -> Event:
        if job.created_at is None:
            raise BrokenPromise(f"{call.node_id}#{call.attempt} is checked and was never started")
        if job.killed_at is not None:
            raise BrokenPromise(f"{call.node_id}#{call.attempt} is checked after its kill")
        if row.custom_state is not None and msgspec.json.decode(row.custom_state) > job.state:
            raise BrokenPromise(f"{call.node_id}#{call.attempt} has a state that it never returned")
        fault = self._next(script.check_faults)
        if fault == "unknown":
            return self._answer(call, job, None)
        if fault == "back":
            return self._answer(
                call, job, self._rng.choice((AttemptPhase.QUEUED, AttemptPhase.WAITING_FOR_RESOURCES))
            )
        if fault:
            return self._raised(call, fault)
        since = (now - job.created_at).total_seconds()
        if since >= script.queued_for + script.lasts:
            return self._ended(call, job, script)
        if since < script.queued_for:
            return self._answer(call, job, self._rng.choice((AttemptPhase.QUEUED, AttemptPhase.INITIALIZING)))
        return self._answer(call, job, AttemptPhase.RUNNING)

    def _kill(self, call: Call, job: Job, script: Script, now: datetime) -> Event:
        fault = self._next(script.kill_faults)
        if fault != "before":
            job.kills += 1
            job.killed_at = job.killed_at or now
        return self._raised(call, fault) if fault else CallSucceeded(call.node_id, call.attempt, call.call)

    def _finalize(self, call: Call, job: Job, script: Script, row: AttemptRecord) -> Event:
        if not row.phase.is_terminal:
            raise BrokenPromise(f"{call.node_id}#{call.attempt} is finalized in {row.phase}")
        fault = self._next(script.finalize_faults)
        if fault:
            return self._raised(call, fault, is_required=REQUIRES_FINALIZER[row.task_type])
        job.finalizes += 1
        return CallSucceeded(call.node_id, call.attempt, call.call)

    def _ended(self, call: Call, job: Job, script: Script) -> Event:
        return self._answer(call, job, script.outcome)

    def _answer(self, call: Call, job: Job, phase: AttemptPhase | None) -> StatusReturned:
        is_failure = phase in (AttemptPhase.FAILED, AttemptPhase.RETRYABLE_FAILED)
        outputs = expansion = None
        if phase is AttemptPhase.SUCCEEDED:
            expansion = self.futures.get(call.node_id)
        if phase is AttemptPhase.SUCCEEDED and expansion is None:
            outputs = literals.literal_map({"o": literals.integer(job.value)}).SerializeToString()
        if phase is not None:
            job.state += 1
        answer = Answer(
            phase=phase,
            phase_version=self._rng.choice((0, 0, 0, 1, 2)),
            custom_state=msgspec.json.encode(job.state) if phase is not None else None,
            outputs=outputs,
            failure=Failure("USER:Scripted", "as the script says") if is_failure else None,
            check_after=timedelta(seconds=self._rng.choice((0.0, 1.0, 10.0, 30.0))),
        )
        return StatusReturned(call.node_id, call.attempt, call.call, answer, expansion)

    def _raised(self, call: Call, fault: str, *, is_required: bool = False) -> CallRaised:
        return CallRaised(
            call.node_id,
            call.attempt,
            call.call,
            Failure("SYSTEM:Scripted", f"{fault}, as the script says"),
            is_final=fault == "final",
            is_parking=fault == "park",
            retry_after=timedelta(seconds=3) if self._rng.random() < 0.1 else None,
            is_required=is_required,
        )

    def _next(self, faults: list[str]) -> str:
        fault = faults.pop() if faults else ""
        return "" if fault == "park" and self.is_mended else fault

    def _ends_at(self, key: Key, created_at: datetime) -> datetime:
        script = self._script(key)
        return created_at + timedelta(seconds=script.queued_for + script.lasts)

    def _script(self, key: Key) -> Script:
        if key not in self._scripts:
            self._scripts[key] = self._write_script(key)
        return self._scripts[key]

    def _write_script(self, key: Key) -> Script:
        rng = random.Random(f"{self._seed} {key}")
        weather = self._weather
        settings = self.settings[key[0]]
        outcomes = [AttemptPhase.SUCCEEDED] * self._luck
        if weather.failures:
            outcomes += [AttemptPhase.RETRYABLE_FAILED] * 3 + [AttemptPhase.FAILED]
        never = 1e6
        shown_first = rng.choice(
            (None, AttemptPhase.QUEUED, AttemptPhase.INITIALIZING, AttemptPhase.RUNNING, AttemptPhase.RUNNING)
        )
        queued_for = never if settings.queue_timeout and rng.random() < 0.1 else rng.choice((0, 0, 0, 5, 60))
        return Script(
            not_ready=rng.choice((0, 0, 0, 1, 3)),
            start_faults=self._faults(
                rng, weather.start_faults, ("before", "after", "hang", "final", "park")
            ),
            check_faults=self._faults(
                rng, weather.check_faults, ("before", "unknown", "back", "back", "hang", "park", "final")
            ),
            kill_faults=self._faults(rng, weather.kill_faults, ("before", "after", "park", "final")),
            finalize_faults=self._faults(rng, weather.finalize_faults, ("before", "park", "final")),
            queued_for=0 if shown_first is AttemptPhase.RUNNING else queued_for,
            lasts=never if settings.timeout and rng.random() < 0.1 else rng.choice((0, 0, 1, 20, 100)),
            outcome=rng.choice(outcomes),
            shown_first=shown_first,
        )

    def _faults(self, rng: random.Random, is_wanted: bool, kinds: tuple[str, ...]) -> list[str]:
        if not is_wanted or rng.random() > self._fault_odds:
            return []
        count = rng.choice((1, 1, 1, 2, 2, 3, 12))
        faults = [rng.choice(kinds) if count < 12 or rng.random() < 0.1 else "before" for _ in range(count)]
        return [fault for fault in faults if fault != "park" or self._weather.parking]
