"""Executions, launch plans and their identities: records as flyteidl's messages, and back for whoever lists them.

A message says less than a record: of a failure it has no traceback, and of the code nothing.
"""

from datetime import UTC, datetime, timedelta

from elevon.idl import identifiers
from elevon.idl.admin_messages import Execution, ExecutionClosure, ExecutionMetadata, LaunchPlan
from elevon.idl.messages import (
    Duration,
    ExecutionError,
    Identifier,
    LaunchPlanState,
    LiteralMap,
    ParameterMap,
    ResourceType,
    Timestamp,
    WorkflowExecution,
    WorkflowExecutionIdentifier,
)
from elevon.records.executions import ExecutionRecord
from elevon.records.failures import Failure
from elevon.records.identities import ExecutionId
from elevon.records.launch_plans import LaunchPlanId, LaunchPlanRecord
from elevon.records.phases import ExecutionPhase


def identifier(execution: ExecutionId) -> WorkflowExecutionIdentifier:
    """The identity of an execution as a message."""
    return identifiers.execution(execution.name, project=execution.project, domain=execution.domain)


def launch_plan_message(record: LaunchPlanRecord) -> LaunchPlan:
    """A launch plan; it is active, as every one of ours can be started."""
    plan = record.id
    made = LaunchPlan(id=_plan_identifier(plan))
    made.spec.workflow_id.CopyFrom(
        identifiers.workflow(plan.name, plan.version, project=plan.project, domain=plan.domain)
    )
    made.spec.default_inputs.CopyFrom(ParameterMap.FromString(record.default_inputs))
    made.closure.state = LaunchPlanState.ACTIVE
    made.closure.expected_inputs.CopyFrom(made.spec.default_inputs)
    made.closure.created_at.CopyFrom(timestamp(record.created_at))
    made.closure.updated_at.CopyFrom(made.closure.created_at)
    return made


def message(record: ExecutionRecord, *, are_values_wanted: bool = True) -> Execution:
    """An execution; in a list without its inputs and outputs, which may be large."""
    execution = record.id
    made = Execution(id=identifier(execution), closure=ExecutionClosure(phase=record.phase.value))
    version = record.launch_plan_version
    made.spec.launch_plan.CopyFrom(
        _plan_identifier(LaunchPlanId(execution.project, execution.domain, record.workflow, version))
    )
    made.spec.max_parallelism = record.max_parallelism
    metadata = made.spec.metadata
    metadata.mode = ExecutionMetadata.ExecutionMode.MANUAL
    if record.recovered_from:
        metadata.mode = ExecutionMetadata.ExecutionMode.RECOVERED
        metadata.reference_execution.CopyFrom(identifier(execution))
        metadata.reference_execution.name = record.recovered_from
    closure = made.closure
    closure.workflow_id.CopyFrom(made.spec.launch_plan)
    closure.workflow_id.resource_type = ResourceType.WORKFLOW
    closure.created_at.CopyFrom(timestamp(record.created_at))
    closure.updated_at.CopyFrom(timestamp(record.ended_at or record.started_at or record.created_at))
    if record.started_at is not None:
        closure.started_at.CopyFrom(timestamp(record.started_at))
        if record.ended_at is not None:
            closure.duration.CopyFrom(span(record.ended_at - record.started_at))
    if record.phase is ExecutionPhase.ABORTED:
        closure.abort_metadata.principal = record.aborted_by
        closure.abort_metadata.cause = record.failure.message if record.failure else ""
    elif record.failure is not None:
        closure.error.CopyFrom(error(record.failure))
    elif record.outputs is not None and are_values_wanted:
        closure.outputs.values.CopyFrom(LiteralMap.FromString(record.outputs))
    return made


def record_of(execution: Execution) -> ExecutionRecord:
    """What a message says of an execution, as far as a list of them tells it; inverts `message` for that."""
    closure, spec = execution.closure, execution.spec
    phase = ExecutionPhase(WorkflowExecution.Phase.Name(closure.phase))
    return ExecutionRecord(
        id=ExecutionId(execution.id.project, execution.id.domain, execution.id.name),
        workflow=spec.launch_plan.name,
        closure_digest="",
        phase=phase,
        max_parallelism=spec.max_parallelism,
        launch_plan_version=spec.launch_plan.version,
        recovered_from=spec.metadata.reference_execution.name,
        created_at=instant(closure.created_at),
        started_at=instant(closure.started_at) if closure.HasField("started_at") else None,
        ended_at=instant(closure.updated_at) if phase.is_terminal else None,
        aborted_by=closure.abort_metadata.principal,
    )


def error(failure: Failure) -> ExecutionError:
    """Why something failed."""
    return ExecutionError(code=failure.code, message=failure.message, kind=failure.kind.value)


def timestamp(moment: datetime) -> Timestamp:
    """An instant, to the microsecond."""
    made = Timestamp()
    made.FromDatetime(moment.astimezone(UTC).replace(tzinfo=None))
    return made


def instant(moment: Timestamp) -> datetime:
    """The instant of a message, in UTC."""
    return moment.ToDatetime(UTC)


def span(length: timedelta) -> Duration:
    """A span of time."""
    made = Duration()
    made.FromTimedelta(length)
    return made


def _plan_identifier(plan: LaunchPlanId) -> Identifier:
    return identifiers.launch_plan(plan.name, plan.version, project=plan.project, domain=plan.domain)
