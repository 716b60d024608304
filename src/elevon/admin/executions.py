"""Executions: created, found, watched, aborted, removed.

It owns what has to be true of an execution before anything runs it (a free and valid name, a correct workflow, inputs
that fit), and writes it with everything it needs in one transaction.
"""

import difflib
import re
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta

import msgspec

from elevon import errors
from elevon.admin import inputs, recoveries, views
from elevon.admin.attempts import Attempts
from elevon.admin.drains import Drains
from elevon.admin.launch_plans import LaunchPlans
from elevon.admin.nodes import Nodes
from elevon.admin.snapshots import Snapshot
from elevon.compiler import index
from elevon.compiler.graphs import Graph
from elevon.idl import interfaces
from elevon.idl.messages import CompiledWorkflowClosure, Literal, LiteralMap, ParameterMap
from elevon.ports import Clock, StateStore
from elevon.primitives import ids
from elevon.records.executions import ExecutionRecord
from elevon.records.identities import ExecutionId
from elevon.records.launch_plans import LaunchPlanId
from elevon.records.leases import Lease, Request, RequestKind
from elevon.records.nodes import NodeRecord
from elevon.records.phases import ExecutionPhase
from elevon.records.snapshots import ChangedNodes, StoredExecution

PROJECT = "default"
DOMAIN = "development"
_NAME = re.compile(r"[a-z][a-z\-0-9]*")
_NAME_LIMIT = 63
_SUGGESTED_FROM_COUNT = 50


class NewExecution(msgspec.Struct, frozen=True, kw_only=True):
    """An execution that is to be.

    Attributes:
        closure: What it runs, as the compiler made it.
        parameters: What it takes, with defaults.
        given: Inputs, literals by name.
        unreadable: Inputs that were given but could not be made literals, and why.
        name: Its name; empty for a random one.
        code: Bundle of the user's code; empty for none.
        source_path: Where the code was read from.
        max_parallelism: Limit on attempts under way at once; 0 for none.
        launch_plan_version: Version of the launch plan that it is started by; empty for none.
        recovered_from: Name of the execution whose nodes it reuses.
        nodes: Records of the nodes that it reuses.
    """

    closure: CompiledWorkflowClosure
    parameters: ParameterMap
    given: Mapping[str, Literal] = {}
    unreadable: Mapping[str, str] = {}
    name: str = ""
    code: bytes = b""
    source_path: str = ""
    max_parallelism: int = 0
    launch_plan_version: str = ""
    recovered_from: str = ""
    nodes: tuple[NodeRecord, ...] = ()


class Pruned(msgspec.Struct, frozen=True, kw_only=True):
    """What was removed because it is old.

    Attributes:
        executions: Executions that had ended; their files are still there.
        launch_plans: What nothing referred to any more.
    """

    executions: tuple[ExecutionId, ...] = ()
    launch_plans: tuple[LaunchPlanId, ...] = ()


class Admin:
    """The control plane over one store.

    Args:
        store: Where executions are; open.
        clock: The source of time.

    Attributes:
        attempts: What operators can do with attempts.
        drains: Which task types begin nothing new.
        launch_plans: What can be started by name.
        nodes: Finds and lists nodes.
    """

    def __init__(self, store: StateStore, clock: Clock) -> None:
        self.attempts = Attempts(store, clock)
        self.drains = Drains(store, clock)
        self.launch_plans = LaunchPlans(store, clock)
        self.nodes = Nodes(store)
        self._store = store
        self._clock = clock

    async def create_execution(self, new: NewExecution) -> ExecutionRecord:
        """Write a new execution, its closure and its code, in one transaction.

        Raises:
            UserError: The name is no name, or the inputs do not fit; lists everything that is wrong with them.
            ConflictError: The name is taken.
            UnavailableError: It could not be written.
        """
        name = new.name or ids.new()
        if not _NAME.fullmatch(name) or len(name) > _NAME_LIMIT:
            raise errors.UserError(
                f"execution id {name!r} is no name: use up to 63 lower-case letters, digits and dashes, a letter first"
            )
        workflow = new.closure.primary.template.id.name
        completed = inputs.complete(workflow, new.parameters, new.given, new.unreadable)
        closure = new.closure.SerializeToString(deterministic=True)
        artifacts = {ids.digest(content): content for content in (closure, new.code) if content}
        record = ExecutionRecord(
            id=ExecutionId(PROJECT, DOMAIN, name),
            workflow=workflow,
            closure_digest=ids.digest(closure),
            code_digest=ids.digest(new.code) if new.code else "",
            source_path=new.source_path,
            inputs=completed.SerializeToString(deterministic=True),
            max_parallelism=new.max_parallelism,
            launch_plan_version=new.launch_plan_version,
            recovered_from=new.recovered_from,
            created_at=self._clock.now(),
        )
        try:
            await self._store.create_execution(record, artifacts, new.nodes)
        except errors.ConflictError as error:
            raise errors.ConflictError(
                f"execution id {name!r} is taken: choose another one, or none"
            ) from error
        return record

    @staticmethod
    def is_of(record: ExecutionRecord, new: NewExecution) -> bool:
        """Whether an execution is what a request under its name asks for, so that the request was sent again."""
        closure = new.closure.SerializeToString(deterministic=True)
        completed = inputs.complete(record.workflow, new.parameters, new.given, new.unreadable)
        return (
            record.closure_digest == ids.digest(closure)
            and record.code_digest == (ids.digest(new.code) if new.code else "")
            and record.inputs == completed.SerializeToString(deterministic=True)
            and record.max_parallelism == new.max_parallelism
            and record.launch_plan_version == new.launch_plan_version
            and record.recovered_from == new.recovered_from
        )

    async def recover(self, execution: ExecutionId, new: NewExecution) -> ExecutionRecord:
        """Write what `recovery` makes."""
        return await self.create_execution(await self.recovery(execution, new))

    async def recovery(self, execution: ExecutionId, new: NewExecution) -> NewExecution:
        """A new execution with the inputs of one that failed, which takes over what `recoveries` says.

        Args:
            execution: The one that failed or was aborted.
            new: What to run now, `repetition` for what it ran; its inputs, nodes and origin are filled in here.

        Raises:
            UserError: The execution has not ended, or succeeded; or its inputs do not fit the workflow as it is now.
        """
        stored = await self._store.load_execution(execution)
        phase = stored.execution.phase
        if phase not in (ExecutionPhase.FAILED, ExecutionPhase.ABORTED):
            mend = (
                "there is nothing to recover"
                if phase.is_terminal
                else f"elevon resume {execution.name} goes on with it"
            )
            raise errors.UserError(f"execution {execution.name} has not failed, it is {phase}: {mend}")
        before, after = index(await self.closure(stored.execution)), index(new.closure)
        return msgspec.structs.replace(
            new,
            given=dict(LiteralMap.FromString(stored.execution.inputs).literals),
            recovered_from=execution.name,
            nodes=recoveries.reusable(stored, before, after),
        )

    async def repetition(self, execution: ExecutionId) -> NewExecution:
        """A new execution of what another one runs, with its code and its inputs."""
        record = await self._store.get_execution(execution)
        closure = await self.closure(record)
        return NewExecution(
            closure=closure,
            parameters=interfaces.required(closure.primary.template.interface),
            given=dict(LiteralMap.FromString(record.inputs).literals),
            code=await self.code(record),
            source_path=record.source_path,
            max_parallelism=record.max_parallelism,
            launch_plan_version=record.launch_plan_version,
        )

    async def find(self, text: str) -> ExecutionRecord:
        """The execution of that name, or the only one whose name begins so.

        Raises:
            NotFoundError: There is none, or there are several; it names what is near.
        """
        try:
            return await self._store.get_execution(ExecutionId(PROJECT, DOMAIN, text))
        except errors.NotFoundError:
            matching = await self._store.find_executions(PROJECT, DOMAIN, text) if text else ()
        if len(matching) == 1:
            return await self._store.get_execution(matching[0])
        if matching:
            names = ", ".join(execution.name for execution in matching[:5])
            raise errors.NotFoundError(
                f"{len(matching)} executions begin with {text!r}: write more of {names}"
            )
        records = await self._store.list_executions(limit=_SUGGESTED_FROM_COUNT)
        recent = [record.id.name for record in records]
        near = difflib.get_close_matches(text, recent, n=1)
        hint = f"did you mean {near[0]!r}?" if near else "elevon executions lists all there are"
        raise errors.NotFoundError(f"there is no execution {text!r}: {hint}")

    async def get(self, execution: ExecutionId) -> ExecutionRecord:
        """The current record; `NotFoundError` if there is none."""
        return await self._store.get_execution(execution)

    async def get_many(self, executions: Sequence[ExecutionId]) -> Sequence[ExecutionRecord | None]:
        """The current records, in the order of the ids; None for each that there is not."""
        return await self._store.get_executions(executions)

    async def list_executions(
        self,
        phases: Collection[ExecutionPhase] = (),
        limit: int = 0,
        behind: ExecutionId | None = None,
    ) -> Sequence[ExecutionRecord]:
        """Newest first; only those in one of the phases, if any are given; at most `limit`, if not 0.

        With `behind` only those that come behind that one; `NotFoundError` if it is not there any more.
        """
        return await self._store.list_executions(frozenset(phases), limit, behind)

    async def view(self, execution: ExecutionId, *, is_history_wanted: bool = True) -> views.ExecutionView:
        """Everything there is to see of an execution; `NotFoundError` if there is none."""
        return (await self.snapshot(execution, is_history_wanted=is_history_wanted)).view()

    async def snapshot(self, execution: ExecutionId, *, is_history_wanted: bool = True) -> Snapshot:
        """All that a view is made of; `NotFoundError` if there is none."""
        stored = await self._store.load_execution(execution)
        history = await self._store.list_transitions(execution) if is_history_wanted else ()
        return Snapshot(
            rows=stored,
            closure=await self._store.get_artifact(stored.execution.closure_digest),
            expansions={
                digest: await self._store.get_artifact(digest) for digest in stored.expansion_digests
            },
            owner=await self._store.get_lease(execution),
            history=tuple(transition for _, transition in history),
        )

    async def changes(self, execution: ExecutionId, after: int, limit: int) -> ChangedNodes:
        """What history tells of in its next `limit` rows behind `after`; `NotFoundError` if there is no execution."""
        return await self._store.load_changes(execution, after, limit)

    async def rows(self, execution: ExecutionId) -> StoredExecution:
        """All its rows as they are; `NotFoundError` if there is none."""
        return await self._store.load_execution(execution)

    async def closure(self, record: ExecutionRecord) -> CompiledWorkflowClosure:
        """What an execution runs."""
        return CompiledWorkflowClosure.FromString(await self._store.get_artifact(record.closure_digest))

    async def expansions(self, stored: StoredExecution) -> Mapping[str, Graph]:
        """The graphs that its nodes go on as whose tasks returned futures, by the digests of their closures."""
        return {
            digest: index(CompiledWorkflowClosure.FromString(await self._store.get_artifact(digest)))
            for digest in stored.expansion_digests
        }

    async def code(self, record: ExecutionRecord) -> bytes:
        """The bundle of code that an execution started with; empty for none."""
        return await self._store.get_artifact(record.code_digest) if record.code_digest else b""

    async def owner(self, execution: ExecutionId) -> Lease | None:
        """Who drives it, or did so last; None for nobody."""
        return await self._store.get_lease(execution)

    async def abort(self, execution: ExecutionId, *, by: str, reason: str) -> None:
        """Ask for its end; whoever drives it obeys, now or when it is next driven.

        Raises:
            UserError: It has ended already.
        """
        record = await self._store.get_execution(execution)
        if record.phase.is_terminal:
            raise errors.UserError(f"execution {execution.name} has ended already, it is {record.phase}")
        await self._store.put_request(
            Request(execution=execution, kind=RequestKind.ABORT, by=by, reason=reason, at=self._clock.now())
        )

    async def delete(self, execution: ExecutionId) -> None:
        """Remove an ended execution with all its rows.

        Raises:
            UserError: It has not ended.
            ConflictError: Somebody is driving it, or an execution that was recovered from it is there: that one may
                refer to its files.
        """
        record = await self._store.get_execution(execution)
        if not record.phase.is_terminal:
            raise errors.UserError(
                f"execution {execution.name} has not ended, it is {record.phase}: "
                f"elevon abort {execution.name} ends it"
            )
        for other in await self._store.list_executions():
            if other.recovered_from == execution.name:
                raise errors.ConflictError(
                    f"execution {other.id.name} was recovered from {execution.name} and may use its files: "
                    f"delete {other.id.name} first"
                )
        await self._store.delete_execution(execution)

    async def prune(self, older_than: timedelta) -> Pruned:
        """Remove every execution that ended longer ago than that, and launch plans as old that nothing refers to.

        An execution that a kept one was recovered from is kept too.
        """
        limit = self._clock.now() - older_than
        removed: list[ExecutionId] = []
        needed: set[str] = set()
        # Newest first: what was recovered is newer than what it was recovered from.
        for record in await self._store.list_executions():
            has_ended = record.phase.is_terminal and record.ended_at is not None and record.ended_at < limit
            if has_ended and record.id.name not in needed:
                await self._store.delete_execution(record.id)
                removed.append(record.id)
            else:
                needed.add(record.recovered_from)
        plans = await self._store.prune_launch_plans(limit)
        return Pruned(executions=tuple(removed), launch_plans=tuple(plans))
