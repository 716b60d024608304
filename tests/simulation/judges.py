"""What must be true at the end: a tiny interpreter that knows no engine, and the ledger of the world."""

from collections import defaultdict
from datetime import UTC, datetime

import msgspec

from elevon.compiler.graphs import FailurePolicy
from elevon.idl.messages import LiteralMap
from elevon.propeller.machine.attempts import FINALIZE_LIMIT
from elevon.records.attempts import AttemptRecord
from elevon.records.nodes import NodeRecord
from elevon.records.phases import AttemptPhase, ExecutionPhase, Finalization, NodePhase
from tests.simulation import plans
from tests.simulation.plans import Flow, Items, Source, Step
from tests.simulation.stores import Store
from tests.simulation.worlds import HAS_FINALIZER, REQUIRES_FINALIZER, BrokenPromise, Job, Key, World

NEVER = datetime.max.replace(tzinfo=UTC)


class Unresolved(Exception):
    """A binding names an output that is not there."""


class Judge:
    """Judges one finished run.

    Args:
        store: What the engine wrote.
        world: What it did.
        now: When it ended.
    """

    def __init__(self, store: Store, world: World, now: datetime) -> None:
        self._store = store
        self._world = world
        self._now = now
        self._nodes = store.nodes
        self._attempts: dict[str, list[AttemptRecord]] = defaultdict(list)
        self._judged: set[str] = set()
        for record in store.attempts.values():
            self._attempts[record.node_id].append(record)

    def judge(self, plan: Flow, value: int, *, is_abort_asked: bool) -> None:
        """Raise `BrokenPromise` for the first thing that is wrong."""
        execution = self._store.execution
        aborted_at = next(
            (
                row.at
                for row in self._store.history
                if row.phase == ExecutionPhase.ABORTING and not row.node_id
            ),
            NEVER,
        )
        output = self._judge_flow(plan, "", {plans.INPUT: value}, aborted_at)
        if execution.phase is ExecutionPhase.SUCCEEDED:
            found = _integer(execution.outputs, "o")
            _expect(output is not None and found == output, f"the output is {found} instead of {output}")
        elif execution.phase is ExecutionPhase.FAILED:
            _expect(output is None, "the execution failed for nothing")
            _expect(execution.failure is not None, "the execution failed without a reason")
        else:
            _expect(is_abort_asked, "the execution was aborted by nobody")
            _expect(bool(execution.aborted_by), "the execution does not say who aborted it")
        strays = set(self._nodes) - self._judged
        _expect(not strays, f"nodes have rows that never became ready: {strays}")
        for records in self._attempts.values():
            self._judge_attempts(sorted(records, key=lambda record: record.attempt))

    def _judge_flow(
        self, plan: Flow, scope_id: str, values: dict[str, int], stopped_at: datetime, needed: int = 0
    ) -> int | None:
        """Its output, or None if it failed or was ended; nothing may have begun after `stopped_at`.

        Args:
            plan: What was to run.
            scope_id: Under which node it ran.
            values: The inputs; what the nodes made is added.
            stopped_at: When what is around it was ended.
            needed: So many of its nodes must succeed; 0 for all.
        """
        rows = {step.id: self._nodes.get(_join(scope_id, step.id)) for step in plan.steps}
        failed_at = _failed_at(plan, rows, needed or len(rows))
        if plan.on_failure is FailurePolicy.FAIL_IMMEDIATELY:
            stopped_at = min(stopped_at, failed_at)
        made_count = 0
        may_lack = needed > 0 and failed_at == NEVER
        for step in plan.steps:
            row = rows[step.id]
            if not all(name in values for name in step.upstream()):
                _expect(row is None, f"{_join(scope_id, step.id)} ran before what it waits for")
                continue
            made = self._judge_step(step, scope_id, row, values, stopped_at)
            if made is not None:
                values[step.id] = made
                made_count += 1
        if made_count < (needed if may_lack else len(rows)):
            _expect(
                min(stopped_at, failed_at) < NEVER,
                f"{scope_id or 'the workflow'} is neither whole nor failed",
            )
            return None
        try:
            return _resolve(plan.output, values)
        except Unresolved:
            return None

    def _judge_step(
        self, step: Step, scope_id: str, row: NodeRecord | None, values: dict[str, int], stopped_at: datetime
    ) -> int | None:
        node_id = _join(scope_id, step.id)
        may_stop = stopped_at < NEVER
        self._judged.add(node_id)
        if row is None:
            _expect(may_stop, f"{node_id} could have run and did not")
            self._judged |= self._taken_over_under(node_id)
            return None
        for begun in (row, *self._attempts.get(node_id, ())):
            _expect(
                begun.started_at is None or begun.started_at <= stopped_at,
                f"{node_id} began at {begun.started_at}, after its workflow was stopped at {stopped_at}",
            )
        _expect(row.phase.is_terminal, f"{node_id} is left in {row.phase}")
        _expect(row.ended_at is not None, f"{node_id} has no end")
        if row.phase is NodePhase.ABORTED:
            _expect(may_stop, f"{node_id} was ended for nothing")
        if row.phase is NodePhase.FAILED:
            _expect(row.failure is not None, f"{node_id} failed without a reason")
        if row.phase is NodePhase.RECOVERED:
            _expect(node_id not in self._attempts, f"{node_id} was taken over and ran again")
            return _integer(row.outputs, "o")
        made = self._made_by(step, node_id, row, values, stopped_at)
        if row.phase is NodePhase.SUCCEEDED:
            found = _integer(row.outputs, "o")
            _expect(made == found, f"{node_id} has the output {found} instead of {made}")
            return made
        is_task = step.settings is not None and step.items is None and row.expansion is None
        if not is_task and row.phase is NodePhase.FAILED:
            _expect(made is None, f"{node_id} failed for nothing")
        return None

    def _made_by(
        self, step: Step, node_id: str, row: NodeRecord, values: dict[str, int], stopped_at: datetime
    ) -> int | None:
        try:
            inputs = {name: _resolve(source, values) for name, source in step.sources.items()}
        except Unresolved:
            return None
        if step.items is not None:
            return self._judge_array(step, step.items, row, values, stopped_at)
        if step.settings is not None and step.flow is not None:
            if row.expansion is None:
                return None
            return self._judge_flow(step.flow, node_id, {}, stopped_at, step.min_success_count)
        if step.settings is not None:
            return plans.value_of_task(node_id, list(inputs.values()))
        if step.flow is not None:
            return self._judge_flow(step.flow, node_id, {plans.INPUT: inputs["x"]}, stopped_at)
        taken = next((arm for threshold, arm in step.arms if inputs["c"] > threshold), step.otherwise)
        if not isinstance(taken, Step):
            return None
        _expect(row.taken == taken.id, f"{node_id} took {row.taken} instead of {taken.id}")
        for other in step.all_arms():
            if other.id != taken.id:
                self._judge_skipped(_join(node_id, other.id))
        arm = self._nodes.get(_join(node_id, taken.id))
        return self._judge_step(taken, node_id, arm, values, stopped_at)

    def _judge_array(
        self, step: Step, items: Items, row: NodeRecord, values: dict[str, int], stopped_at: datetime
    ) -> int | None:
        """The sum of what its elements made, or None if too few did."""
        count = len(items.sources)
        needed = count if items.needed is None else items.needed
        if any(str(source).rstrip("!") != str(source) for source in items.sources) or needed > count > 0:
            return None
        _expect(row.element_count == count, f"{row.node_id} has {row.element_count} elements, not {count}")
        elements = [
            Step(id=str(index), sources={"item": source, **step.sources}, settings=step.settings)
            for index, source in enumerate(items.sources)
        ]
        rows = {each.id: self._nodes.get(_join(row.node_id, each.id)) for each in elements}
        _judge_limit(row.node_id, items.limit, [each for each in rows.values() if each is not None])
        inner = Flow(steps=elements, output=0, on_failure=FailurePolicy.FAIL_IMMEDIATELY)
        failed_at = _failed_at(msgspec.structs.replace(inner, steps=[]), rows, min(needed, count))
        if not items.all_run:
            stopped_at = min(stopped_at, failed_at)
        made = [self._judge_step(each, row.node_id, rows[each.id], values, stopped_at) for each in elements]
        succeeded = [each for each in made if each is not None]
        if len(succeeded) < min(needed, count):
            _expect(min(stopped_at, failed_at) < NEVER, f"{row.node_id} is neither whole nor failed")
            return None
        return sum(succeeded)

    def _taken_over_under(self, node_id: str) -> set[str]:
        """Rows that were there before an array that never began."""
        return {
            name
            for name, row in self._nodes.items()
            if row.parent == node_id and row.phase is NodePhase.RECOVERED
        }

    def _judge_skipped(self, node_id: str) -> None:
        """An arm that was not taken says so, and nothing else ever happened to it."""
        row = self._nodes.get(node_id)
        _expect(
            row is not None and row.phase is NodePhase.SKIPPED, f"{node_id} was not taken and does not say so"
        )
        self._judged.add(node_id)

    def _judge_attempts(self, records: list[AttemptRecord]) -> None:
        """One task node's attempts: their number, what each spent, and what is left of them outside."""
        name = records[0].node_id
        node = self._nodes[name]
        settings = self._world.settings[name]
        _expect([each.attempt for each in records] == list(range(len(records))), f"{name} skipped an attempt")
        _expect(
            all(each.phase is AttemptPhase.RETRYABLE_FAILED for each in records[:-1]),
            f"{name} had another attempt after one that was no retryable failure",
        )
        last = records[-1]
        _expect(last.attempt <= settings.retries, f"{name} had more retries than the user allowed")
        if node.phase is NodePhase.FAILED and last.failure is not None:
            is_users = last.failure.code in ("USER:Timeout", "USER:QueueTimeout") or (
                last.failure.code == "USER:Scripted"
                and self._world.outcome_of((name, last.attempt)) is AttemptPhase.RETRYABLE_FAILED
            )
            if is_users:
                _expect(last.attempt == settings.retries, f"{name} failed with retries left")
        for record in records:
            self._judge_attempt(record)

    def _judge_attempt(self, record: AttemptRecord) -> None:
        key: Key = (record.node_id, record.attempt)
        name = f"{record.node_id}#{record.attempt}"
        job = self._world.jobs.get(key, Job())
        _expect(record.phase.is_terminal, f"{name} is left in {record.phase}")
        is_abandoned = key in self._store.abandoned
        _expect(is_abandoned or not self._world.is_running(key, self._now), f"{name} still runs outside")
        is_status = record.reported is not None and record.reported.is_terminal
        if not is_status and job.created_at is not None and not is_abandoned:
            _expect(job.kills > 0, f"{name} was started, reported no end and was never killed")
        if record.phase is AttemptPhase.SUCCEEDED:
            _expect(is_status, f"{name} succeeded and never said so")
            _expect(
                self._world.outcome_of(key) is AttemptPhase.SUCCEEDED, f"{name} succeeded, which it did not"
            )
        if record.phase is AttemptPhase.RETRYABLE_FAILED and record.failure is not None:
            _expect(
                record.failure.code in ("USER:Scripted", "USER:Timeout", "USER:QueueTimeout"),
                f"{name} spent a user retry on {record.failure.code}",
            )
        self._judge_timeout(record, name)
        self._judge_operators(record, name)
        if record.started_at is not None and HAS_FINALIZER[record.task_type]:
            is_done = record.finalization is Finalization.DONE and job.finalizes > 0
            has_given_up = (
                record.finalization is Finalization.ABANDONED and not REQUIRES_FINALIZER[record.task_type]
            )
            _expect(is_done or has_given_up or is_abandoned, f"{name} is {record.finalization} after its end")
            _expect(
                REQUIRES_FINALIZER[record.task_type] or record.system_failure_count <= FINALIZE_LIMIT,
                f"{name} was finalized too often",
            )

    def _judge_operators(self, record: AttemptRecord, name: str) -> None:
        """Whom an operator has failed has failed, unless its workflow ended it; the record says who it was."""
        key = (record.node_id, record.attempt)
        if key in self._store.forced:
            _expect(
                record.phase in (AttemptPhase.FAILED, AttemptPhase.ABORTED),
                f"{name} was failed by an operator and is {record.phase}",
            )
        if record.failure is not None and record.failure.code == "USER:ForceFailed":
            _expect("an operator" in record.failure.message, f"{name} was failed and nobody knows by whom")
            _expect(key in self._store.forced, f"{name} was failed by nobody")

    def _judge_timeout(self, record: AttemptRecord, name: str) -> None:
        """A time-out is neither early nor of another kind."""
        settings = self._world.settings[record.node_id]
        code = record.failure.code if record.failure else ""
        since, limit = record.queued_at, settings.queue_timeout
        if code == "USER:Timeout" and record.running_at is not None:
            since, limit = record.running_at, settings.timeout
        elif code != "USER:QueueTimeout":
            return
        _expect(limit is not None and self._now - since >= limit, f"{name} timed out without a time-out")
        _expect(
            limit is not None and record.ended_at is not None and record.ended_at - since >= limit,
            f"{name} timed out too early",
        )


def _expect(is_kept: bool, story: str) -> None:
    if not is_kept:
        raise BrokenPromise(story)


def _failed_at(plan: Flow, rows: dict[str, NodeRecord | None], needed: int) -> datetime:
    """When so much had failed that too little could succeed any more."""
    failed = [
        (row.ended_at or NEVER, name) for name, row in rows.items() if row and row.phase is NodePhase.FAILED
    ]
    lost: set[str] = set()
    for ended_at, name in sorted(failed):
        lost.add(name)
        for step in plan.steps:  # in an order in which they could run
            if lost.intersection(step.upstream()):
                lost.add(step.id)
        if len(rows) - len(lost) < needed:
            return ended_at
    return NEVER


def _judge_limit(node_id: str, limit: int, rows: list[NodeRecord]) -> None:
    """Never more elements at once than the array allows."""
    run = [each for each in rows if each.phase is not NodePhase.RECOVERED]
    for begun in run if limit else ():
        beside = sum(each.started_at <= begun.started_at < (each.ended_at or NEVER) for each in run)
        _expect(beside <= limit, f"{node_id} had {beside} elements at once, and {limit} are allowed")


def _join(scope_id: str, name: str) -> str:
    return f"{scope_id}/{name}" if scope_id else name


def _resolve(source: Source, values: dict[str, int]) -> int:
    if isinstance(source, int):
        return source
    if source.endswith("!") or source not in values:
        raise Unresolved(source)
    return values[source]


def _integer(outputs: bytes | None, name: str) -> int:
    if outputs is None:
        raise BrokenPromise("a success has no outputs")
    return plans.number_of(LiteralMap.FromString(outputs).literals[name])
