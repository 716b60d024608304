"""The current record of one attempt of a task node: everything that survives a crash."""

from datetime import datetime

import msgspec

from elevon.records.failures import Failure
from elevon.records.phases import AttemptPhase, Finalization


class LogLink(msgspec.Struct, frozen=True, gc=False):
    """A place to look at, `core.TaskLog` of flyteidl."""

    name: str
    uri: str


class AttemptRecord(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """What is known of an attempt whose start was intended.

    Attributes:
        version: Version of this record's layout.
        node_id: The node's unique id.
        attempt: Counts from 0.
        executor_id: The executor that serves it.
        task_type: The type string of its template.
        phase: Where it stands.
        phase_version: With the phase, identifies what was reported.
        reported: The phase that the executor last reported; differs from `phase` while killing.
        custom_state: The executor's state, as its codec wrote it; None before the first status.
        state_version: The codec's version of `custom_state`.
        unanswered_start_count: Start intents since the last status; above one, or found above zero after a
            restart, the start may have happened.
        system_failure_count: Consecutive calls that raised.
        setback_count: How often the executor reported a phase before the one it had; the phase itself stayed.
        restart_count: How often its work began anew: what it had run before was lost, as with a killed engine.
        next_call_at: When the next call is due, while a backoff or a `check_after` runs.
        outcome: While killing: the phase that follows.
        failure: Why it failed or is being killed.
        reason: Why it waits, in words, where it does.
        is_parked: Whether it waits for an operator or another release and nothing is called.
        finalization: Where it stands with `finalize_task`.
        log_links: Reported by the executor.
        custom_info: JSON reported by the executor, for people.
        queued_at: When the attempt became ready to start.
        started_at: When its first start intent was made.
        running_at: When the executor first reported RUNNING.
        ended_at: When it became terminal.
    """

    version: int = 1
    node_id: str
    attempt: int = 0
    executor_id: str
    task_type: str
    phase: AttemptPhase
    phase_version: int = 0
    reported: AttemptPhase | None = None
    custom_state: bytes | None = None
    state_version: int = 0
    unanswered_start_count: int = 0
    system_failure_count: int = 0
    setback_count: int = 0
    restart_count: int = 0
    next_call_at: datetime | None = None
    outcome: AttemptPhase | None = None
    failure: Failure | None = None
    reason: str = ""
    is_parked: bool = False
    finalization: Finalization = Finalization.NOT_NEEDED
    log_links: tuple[LogLink, ...] = ()
    custom_info: bytes = b""
    queued_at: datetime
    started_at: datetime | None = None
    running_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def is_going_on(self) -> bool:
        """Whether its start or check is to be called again: it is neither parked, nor being ended, nor over."""
        return not (self.is_parked or self.phase.is_terminal or self.phase is AttemptPhase.KILLING)


class OnceRecord(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """One intent of `TaskContext.once`.

    Attributes:
        version: Version of this record's layout.
        node_id: The node's unique id.
        attempt: The attempt's index.
        key: The author's key.
        token: Deterministic name under which the effect is carried out.
        result: JSON of the committed result; None while it may have happened.
    """

    version: int = 1
    node_id: str
    attempt: int = 0
    key: str
    token: str
    result: bytes | None = None
