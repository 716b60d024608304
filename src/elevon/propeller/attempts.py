"""What the shell keeps of the attempts of one execution: whom to call for each, and with what."""

import asyncio
import functools
from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec

from elevon import errors, ports
from elevon.compiler.graphs import TaskSettings
from elevon.idl.messages import LiteralMap, TaskTemplate
from elevon.plugin import invocations
from elevon.plugin.contexts import Launch
from elevon.plugin.invocations import Invocation, TaskFacts
from elevon.plugin.registry import Registration
from elevon.propeller import calls, jobs, layouts
from elevon.propeller.attempt_services import AttemptInputs, AttemptIntents, Commit, EngineAttemptServices
from elevon.propeller.calls import Callee
from elevon.propeller.expansions import Expansions
from elevon.propeller.jobs import JobPlace, Jobs
from elevon.propeller.machine import arrays
from elevon.propeller.machine.commands import Call
from elevon.propeller.machine.events import CallRaised, Event, Woken
from elevon.propeller.machine.views import AttemptKey, View
from elevon.propeller.services import Services
from elevon.records.answers import CallKind
from elevon.records.attempts import AttemptRecord, OnceRecord
from elevon.records.identities import AttemptId


class WakeHandle:
    """`TaskContext.wake`: can be kept and called from any thread, and is dead after the attempt."""

    def __init__(self, loop: asyncio.AbstractEventLoop, post: Callable[[Event], None], event: Woken) -> None:
        self._loop = loop
        self._post: Callable[[Event], None] | None = post
        self._event = event

    def __call__(self) -> None:
        """Say that there is news."""
        try:
            self._loop.call_soon_threadsafe(self._deliver)
        except RuntimeError:
            if not self._loop.is_closed():
                raise

    def kill(self) -> None:
        """Make it do nothing from now on."""
        self._post = None

    def _deliver(self) -> None:
        if self._post is not None:
            self._post(self._event)


class Attempts:
    """The attempts of one execution, as far as calls need them.

    Args:
        view: The machine's memory; only read.
        onces: What earlier engines committed.
        services: Adapters and settings.
        commit: Commits under the execution's lease.
        post: Takes events.
    """

    def __init__(
        self,
        view: View,
        onces: Sequence[OnceRecord],
        services: Services,
        commit: Commit,
        post: Callable[[Event], None],
    ) -> None:
        self._view = view
        self._services = services
        self._commit = commit
        self._post = post
        self._jobs = Jobs(view.execution)
        self._expansions = Expansions(view.execution.id, view.expansions, services)
        self._execution_dir = layouts.execution_dir(services.data_dir, view.execution.id)
        self._services_of: dict[AttemptKey, EngineAttemptServices] = {}
        self._facts: dict[int, TaskFacts] = {}
        self._wakes: dict[AttemptKey, WakeHandle] = {}
        self._intents: dict[AttemptKey, AttemptIntents] = {}
        for once in onces:
            self._intents_of((once.node_id, once.attempt)).load(once)

    def record(self, node_id: str, attempt: int) -> AttemptRecord:
        """The attempt's current record."""
        return self._view.attempts[node_id, attempt]

    def settings(self, node_id: str) -> TaskSettings:
        """The task settings of a node."""
        settings = self._view.place(node_id).node.settings
        if settings is None:
            raise errors.BugError(f"node {node_id!r} has no task")
        return settings

    def callee(self, command: Call, now: datetime) -> Callee | CallRaised:
        """Whom to call and with what, or why nobody can be called.

        Raises:
            UserError: The inputs can't be put together.
        """
        record = self.record(command.node_id, command.attempt)
        try:
            registration = self._services.executors.of_type(record.task_type)
        except errors.UnavailableError as error:
            return calls.parked(command, str(error))
        if registration.id != record.executor_id:
            return calls.parked(command, _handed_over(record, registration))
        lacking = self._lacking_slots(record, registration)
        if lacking and command.call in (CallKind.START, CallKind.CHECK):
            return calls.parked(command, lacking)
        services = self._attempt_services(record, registration)
        template = self._template(record.node_id)
        is_start = command.call is CallKind.START
        return Callee(
            host=self._services.executors.host(registration),
            invocation=Invocation(
                call=command.call,
                id=services.id,
                name=services.name,
                paths=services.paths,
                task=self._facts_of(template),
                record=record,
                now=now,
                start_may_have_happened=command.start_may_have_happened,
                template=template if is_start else None,
                inputs=LiteralMap.FromString(services.inputs.content()) if is_start else None,
                reason=command.reason,
            ),
            services=services,
            task=template,
            expansions=self._expansions,
            is_required=registration.properties.requires_finalizer,
        )

    def release(self, node_id: str, attempt: int) -> None:
        """Forget an attempt that is over: its wake handle is dead, and the launcher may drop its job."""
        key = (node_id, attempt)
        wake = self._wakes.pop(key, None)
        if wake is not None:
            wake.kill()
        if key not in self._view.attempts:
            self.forget_intents(node_id, attempt)
        services = self._services_of.pop(key, None)
        if services is not None:
            self._services.launcher.forget(services.name)

    def forget_intents(self, node_id: str, attempt: int) -> None:
        """Drop what `once` has committed for an attempt that nothing more will happen to."""
        self._intents.pop((node_id, attempt), None)

    async def close(self) -> None:
        """Kill all wake handles, and the jobs of attempts that are under way: whoever goes on runs them anew."""
        for wake in self._wakes.values():
            wake.kill()
        for services in self._services_of.values():
            await self._services.launcher.kill(services.name)
            self._services.launcher.forget(services.name)

    def _lacking_slots(self, record: AttemptRecord, registration: Registration) -> str:
        """Why a job that was started by an engine with more slots can't go on here; empty if it can."""
        wanted = self.settings(record.node_id).cpu_slots
        there = self._services.launcher.slot_count
        if not registration.properties.uses_launcher or wanted <= there:
            return ""
        return (
            f"the task requests {wanted} CPUs, and this engine has {there} slots: "
            "lower the request, or resume with more --workers"
        )

    def _attempt_services(self, record: AttemptRecord, registration: Registration) -> EngineAttemptServices:
        """Made once an attempt; for the finalizer of one that was released, once a call."""
        key = (record.node_id, record.attempt)
        if key in self._services_of:
            return self._services_of[key]
        wake = WakeHandle(asyncio.get_running_loop(), self._post, Woken(record.node_id, record.attempt))
        made = self._make_services(record, registration, wake)
        if not record.phase.is_terminal:
            self._services_of[key] = made
            self._wakes[key] = wake
        return made

    def _make_services(
        self, record: AttemptRecord, registration: Registration, wake: WakeHandle
    ) -> EngineAttemptServices:
        attempt = AttemptId(self._view.execution.id, record.node_id, record.attempt)
        name = invocations.generated_name(attempt, registration.properties.generated_name_max_length)
        paths = layouts.attempt_paths(self._execution_dir, record.node_id, record.attempt)
        inputs = AttemptInputs(functools.partial(self._inputs, record.node_id))

        async def make_job(launch: Launch) -> ports.Job:
            place = JobPlace(
                id=attempt, name=name, cpu_slots=self.settings(record.node_id).cpu_slots, paths=paths
            )
            template = self._template(record.node_id)
            made = self._jobs.make(place, template, launch, inputs.content)
            secrets = await jobs.secrets_of(template, self._services.secrets)
            return msgspec.structs.replace(made, secrets=secrets) if secrets else made

        return EngineAttemptServices(
            id=attempt,
            name=name,
            paths=paths,
            inputs=inputs,
            code=self._code,
            intents=self._intents_of((record.node_id, record.attempt), is_kept=not record.phase.is_terminal),
            launcher=self._services.launcher,
            job=make_job,
            redactor=self._services.redactor,
            wake=wake,
        )

    async def _code(self) -> bytes:
        """The user's code, as a bundle; empty if the execution was started without."""
        digest = self._view.execution.code_digest
        return await self._services.store.get_artifact(digest) if digest else b""

    def _facts_of(self, template: TaskTemplate) -> TaskFacts:
        """The same for all attempts of a node; the graph, which outlives this object, keeps the template."""
        known = self._facts.get(id(template))
        if known is None:
            known = self._facts[id(template)] = TaskFacts.of(template)
        return known

    def _intents_of(self, key: AttemptKey, *, is_kept: bool = True) -> AttemptIntents:
        """What `once` has committed for an attempt; an attempt that is over gets nothing new that is worth keeping."""
        intents = self._intents.get(key) or AttemptIntents(self._commit)
        if is_kept:
            self._intents[key] = intents
        return intents

    def _template(self, node_id: str) -> TaskTemplate:
        template = self._view.place(node_id).node.task
        if template is None:
            raise errors.BugError(f"node {node_id!r} has no task")
        return template

    def _inputs(self, node_id: str) -> LiteralMap:
        return arrays.inputs_of(self._view, self._view.place(node_id))


def _handed_over(record: AttemptRecord, registration: Registration) -> str:
    """Why an executor is not called for an attempt of another: it knows neither its state nor what it has begun."""
    return (
        f"executor {record.executor_id!r} has begun this attempt, and the task type {record.task_type!r} is served by "
        f"executor {registration.id!r} now: resume with the package installed that has {record.executor_id!r}, or fail "
        "and abandon the attempt"
    )
