"""The replay itself: every recorded step is made again by the code as it is now, and compared.

What is compared is what the engine would commit: phase, phase version and custom state, and the outputs of a success.
What a call reaches out for is refused, and such a step is not checked. It must never know a store.
"""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from elevon import errors
from elevon.blobs.local_files import LocalBlobStore
from elevon.idl.messages import LiteralMap, TaskTemplate
from elevon.plugin import invocations, serving, states
from elevon.plugin.implementations import Implementation
from elevon.plugin.invocations import AttemptPaths, Invocation, TaskFacts
from elevon.plugin.pools import ResourcePools
from elevon.records.answers import Answer, CallKind, Outputs, Raised, Reply
from elevon.records.failures import Failure
from elevon.records.phases import AttemptPhase
from elevon.records.transitions import Transition
from elevon.testing.replays.recordings import Outcome, Recording, Verdict
from elevon.testing.replays.refusals import (
    Refusals,
    ReplayClock,
    ReplayPools,
    ReplaySecrets,
    ReplayServices,
    ReplaySetup,
)

TIME_LIMIT_S: Final = 10.0
_ORDER = {phase: rank for rank, phase in enumerate(AttemptPhase)}
_UNSTARTED = (AttemptPhase.STARTING, AttemptPhase.WAITING_FOR_RESOURCES)
_FILES = ("inputs.pb", "outputs.pb", "error.pb")
_SHOWN_LENGTH = 60


class _Moment(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt as it was committed at one time."""

    phase: AttemptPhase
    version: int = 0
    state: bytes | None = None
    state_version: int = 0

    def __str__(self) -> str:
        version = f" v{self.version}" if self.version else ""
        state = (self.state or b"").decode(errors="replace")
        shown = state if len(state) <= _SHOWN_LENGTH else f"{state[: _SHOWN_LENGTH - 3]}..."
        return f"{self.phase}{version} {shown}".rstrip()


class _Step(msgspec.Struct, frozen=True, kw_only=True):
    """One recorded answer: what the executor saw, when, and what became of it."""

    before: _Moment
    after: _Moment
    call: CallKind
    called_at: datetime
    may_have_happened: bool = False


async def replay(
    recording: Recording, executor: Implementation, scratch: Path, refusals: Refusals
) -> Outcome:
    """Make every recorded step again.

    Args:
        recording: What was recorded.
        executor: The code as it is now.
        scratch: A directory for files of the attempt and of the executor.
        refusals: Who keeps it from the world.
    """
    return Outcome(
        verdicts=tuple([one async for one in _Replay(recording, executor, scratch, refusals).run()])
    )


class _Replay:
    def __init__(
        self, recording: Recording, executor: Implementation, scratch: Path, refusals: Refusals
    ) -> None:
        self._recording = recording
        self._executor = executor
        self._refusals = refusals
        self._clock = ReplayClock(recording.record.queued_at)
        self._pools = ReplayPools()
        self._data_dir = scratch / "attempt"
        setup = ReplaySetup(
            config=executor.config,
            clock=self._clock,
            blobs=LocalBlobStore(),
            state_dir=scratch / "executor",
            secrets=ReplaySecrets(refusals),
            pools=ResourcePools(frozenset(recording.code.pools), self._pools),
            refusals=refusals,
        )
        self._served = serving.ServedExecutor(executor.executor, executor.codec, executor.decode_spec, setup)
        self._obstacle = ""

    async def run(self) -> AsyncIterator[Verdict]:
        """One verdict after the other."""
        self._copy_files()
        for transition in self._recording.history:
            if transition.custom_state is not None:
                yield self._read_state(transition)
        await self._initialize()
        for step in self._steps():
            yield await self._make(step)

    def _copy_files(self) -> None:
        self._data_dir.mkdir(parents=True)
        for name in _FILES:
            source = Path(self._recording.data_dir) / name
            if source.exists():
                shutil.copyfile(source, self._data_dir / name)

    async def _initialize(self) -> None:
        self._served.setup.state_dir.mkdir(parents=True)
        try:
            async with asyncio.timeout(TIME_LIMIT_S):
                await self._executor.executor.initialize(self._served.setup)
        except Exception as error:  # noqa: BLE001 - whatever a stranger's set-up raises is why no call is made
            wanted = self._refusals.take()
            self._obstacle = f"initialize needs {wanted}" if wanted else f"initialize raised {error!r}"

    def _read_state(self, transition: Transition) -> Verdict:
        """Whether a recorded state can be read, and is written as it was."""
        raw = transition.custom_state or b""
        version = transition.state_version or self._recording.record.state_version
        codec = self._executor.codec
        recorded = _Moment(phase=AttemptPhase(transition.phase), state=raw)
        found, note, is_same = "", "", False
        try:
            again = codec.encode(codec.decode(raw, version))
        except errors.CorruptStateError as error:
            found, note = "unreadable", str(error)
        else:
            found = str(msgspec.structs.replace(recorded, state=again))
            is_same = again == raw or version != codec.version
            if version != codec.version:
                note = f"migrated from version {version} to {codec.version}"
            elif not is_same:
                note = "it is written differently when it was read"
        return Verdict(step="state", recorded=str(recorded), found=found, is_same=is_same, note=note)

    def _steps(self) -> Iterator[_Step]:
        """The recorded answers of the executor."""
        record = self._recording.record
        before: _Moment | None = None
        since = record.queued_at
        has_failed = False
        for row in self._recording.history:
            after = _Moment(
                phase=AttemptPhase(row.phase),
                version=row.phase_version,
                state=row.custom_state or (before.state if before else None),
                state_version=(row.state_version or record.state_version)
                if row.custom_state is not None
                else (before.state_version if before else 0),
            )
            if before is not None and row.event == "StatusReturned" and _is_answer(before, after):
                is_start = before.phase in _UNSTARTED
                yield _Step(
                    before=before,
                    after=after,
                    call=CallKind.START if is_start else CallKind.CHECK,
                    called_at=row.called_at or (since if before.phase is AttemptPhase.STARTING else row.at),
                    may_have_happened=is_start and has_failed,
                )
            has_failed = row.event in ("CallRaised", "Begin")
            before, since = after, row.at

    async def _make(self, step: _Step) -> Verdict:
        name = f"{step.call} in {step.before.phase}"
        verdict = Verdict(step=name, recorded=str(step.after), found="", is_same=None)
        if self._obstacle:
            return msgspec.structs.replace(verdict, note=self._obstacle)
        if step.call is CallKind.START and self._recording.inputs is None:
            return msgspec.structs.replace(verdict, note="the inputs can't be put together any more")
        self._clock.instant = step.called_at
        self._pools.is_exhausted = step.after.phase is AttemptPhase.WAITING_FOR_RESOURCES
        reply = await self._call(step, step.call)
        wanted = self._refusals.take()
        if wanted:
            return msgspec.structs.replace(verdict, note=f"it needs {wanted}")
        if isinstance(reply, Answer):
            return await self._judge(step, reply, verdict)
        said = reply.failure.message if isinstance(reply, Raised) else type(reply).__name__
        return msgspec.structs.replace(verdict, found="raised", is_same=False, note=said)

    async def _call(self, step: _Step, call: CallKind) -> Reply:
        recording = self._recording
        template = TaskTemplate.FromString(recording.template)
        is_start = call is CallKind.START
        inputs = LiteralMap.FromString(recording.inputs or b"")
        if recording.inputs is not None:
            (self._data_dir / "inputs.pb").write_bytes(recording.inputs)
        name_limit = self._executor.executor.properties.generated_name_max_length
        invocation = Invocation(
            call=call,
            id=recording.attempt,
            name=invocations.generated_name(recording.attempt, name_limit),
            paths=AttemptPaths(self._data_dir),
            task=TaskFacts.of(template),
            record=msgspec.structs.replace(
                recording.record,
                phase=step.before.phase,
                phase_version=step.before.version,
                custom_state=step.before.state,
                state_version=step.before.state_version,
            ),
            # An intent without a result is left out: it would ask the service, and here it says so as a new one does.
            onces={one.key: one for one in recording.onces if one.result is not None},
            now=step.called_at,
            start_may_have_happened=step.may_have_happened,
            template=template if is_start else None,
            inputs=inputs if is_start else None,
        )
        try:
            async with asyncio.timeout(TIME_LIMIT_S):
                return await self._served.carry_out(invocation, ReplayServices(self._refusals))
        except TimeoutError:
            message = f"it did not answer within {TIME_LIMIT_S:g} s"
            return Raised(failure=Failure(code="SYSTEM:Unavailable", message=message))

    async def _judge(self, step: _Step, answer: Answer, verdict: Verdict) -> Verdict:
        """Compare what would be committed now with what was."""
        found = _adopted(step.before, answer, is_last=self._recording.is_last)
        notes = list(self._differences(step.after, found))
        is_success = found.phase is AttemptPhase.SUCCEEDED and not notes
        if is_success and (self._recording.is_expanded or answer.futures is not None):
            if self._recording.is_expanded != (answer.futures is not None):
                notes.append("it goes on as futures" if answer.futures else "it does not go on as futures")
        elif is_success:
            outputs = answer.outputs
            if outputs is None:
                reply = await self._call(step, CallKind.RESOLVE)
                wanted = self._refusals.take()
                if wanted:
                    return msgspec.structs.replace(verdict, note=f"its outputs need {wanted}")
                outputs = reply.content if isinstance(reply, Outputs) else None
            if not _is_same_outputs(outputs, self._recording.outputs):
                notes.append("the outputs differ")
        return msgspec.structs.replace(verdict, found=str(found), is_same=not notes, note="; ".join(notes))

    def _differences(self, recorded: _Moment, found: _Moment) -> Iterator[str]:
        if found.phase is not recorded.phase:
            yield f"the phase is {found.phase}"
        elif found.version != recorded.version:
            yield f"the phase version is {found.version}"
        state, known = self._up_to_date(found), self._up_to_date(recorded)
        if state != known:
            yield f"{_first_difference(known, state)} differs"

    def _up_to_date(self, moment: _Moment) -> bytes | None:
        """A state as this release writes it, as far as it can read it."""
        codec = self._executor.codec
        if moment.state is None or moment.state_version == codec.version:
            return moment.state
        try:
            return codec.encode(codec.decode(moment.state, moment.state_version))
        except errors.CorruptStateError:
            return moment.state


def _is_answer(before: _Moment, after: _Moment) -> bool:
    """Whether a change can be what an executor said of its own attempt."""
    is_said = after.phase.is_followed or after.phase in _UNSTARTED or after.phase.is_terminal
    return is_said and before.phase is not AttemptPhase.KILLING and after.phase is not AttemptPhase.ABORTED


def _adopted(before: _Moment, answer: Answer, *, is_last: bool) -> _Moment:
    """What the engine makes of an answer."""
    is_state_new = answer.custom_state is not None
    state = answer.custom_state if is_state_new else before.state
    state_version = answer.state_version if is_state_new else before.state_version
    phase, version = answer.phase, answer.phase_version
    if phase is None:
        kept = before.phase if before.phase.is_followed else AttemptPhase.QUEUED
        return msgspec.structs.replace(before, phase=kept)
    if phase is AttemptPhase.RETRYABLE_FAILED and is_last:
        phase = AttemptPhase.FAILED
    elif not phase.is_terminal and _ORDER[phase] < _ORDER[before.phase]:
        phase, version = before.phase, before.version
    return _Moment(phase=phase, version=version, state=state, state_version=state_version)


def _first_difference(one: bytes | None, other: bytes | None) -> str:
    if one is None or other is None:
        return "the state"
    return states.first_difference(msgspec.json.decode(one), msgspec.json.decode(other), "state")


def _is_same_outputs(one: bytes | None, other: bytes | None) -> bool:
    if one is None or other is None:
        return one is other
    return LiteralMap.FromString(one) == LiteralMap.FromString(other)
