"""A scenario: what an author tells the conformance kit of an executor.

It owns what can be declared, and how an execution with one task is made of it. It must never know how a run is
driven or judged.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar, cast

import msgspec

from elevon import compiler, errors
from elevon.idl import identifiers, json_values, pods
from elevon.idl.messages import (
    Binding,
    BindingData,
    CompiledWorkflowClosure,
    Literal,
    LiteralMap,
    Node,
    OutputReference,
    TaskNode,
    TaskTemplate,
    WorkflowTemplate,
)
from elevon.plugin import declarations
from elevon.plugin.executors import Executor
from elevon.primitives import ids
from elevon.records.executions import ExecutionRecord
from elevon.records.identities import ExecutionId
from elevon.records.phases import AttemptPhase
from elevon.sdk import serialization
from elevon.sdk.tasks import Task
from elevon.testing.clocks import EPOCH

PROJECT, DOMAIN, NAME = "default", "development", "checked"
EXECUTION = ExecutionId(PROJECT, DOMAIN, NAME)


class Scenario:
    """One task, its executor, and the service that the executor works with.

    Subclass it, name the task, and make the executor; `elevon plugin check MODULE:CLASS` does the rest. It is made
    anew for each simulated process, so it keeps nothing.

    Attributes:
        task: What is run: a task of the SDK, or a template. Not a task that runs user code, unless `job_takes` says how
            its job goes.
        inputs: By name; data as in JSON, or literals.
        outputs: What must come out, by name; data as in JSON. None for whatever comes.
        ends_as: How an undisturbed attempt ends.
        config: Settings of the executor.
        creation_count: How many things one attempt may make at the service.
        may_wait_for_operator: Whether an attempt may wait for a person after a crash, because the service can't be
            asked whether something happened (`once` without `find`).
        old_states: States that earlier releases wrote, JSON data by their version.
        pools: Names of the resource pools that the executor takes a token of, one for each attempt.
        job_takes: For executors that use `ctx.launcher`: how long the job runs.
        job_outputs: And what it returns; data as in JSON.
        time_limit: An execution that takes longer than that, of its own time, will never end.
    """

    task: ClassVar[Task[..., Any] | TaskTemplate]
    inputs: ClassVar[Mapping[str, Any]] = {}
    outputs: ClassVar[Mapping[str, Any] | None] = None
    ends_as: ClassVar[AttemptPhase] = AttemptPhase.SUCCEEDED
    config: ClassVar[Mapping[str, Any]] = {}
    creation_count: ClassVar[int] = 1
    may_wait_for_operator: ClassVar[bool] = False
    old_states: ClassVar[Mapping[int, Any]] = {}
    pools: ClassVar[tuple[str, ...]] = ()
    job_takes: ClassVar[timedelta] = timedelta(seconds=5)
    job_outputs: ClassVar[Mapping[str, Any]] = {}
    time_limit: ClassVar[timedelta] = timedelta(days=2)

    def executor(self, service: Any) -> Executor[Any, Any]:
        """A new executor, that reaches the service through what it is given.

        Args:
            service: Has the public coroutines of what `service` returned; None if that was None.
        """
        raise NotImplementedError(f"{type(self).__name__} has no executor: define executor(self, service)")

    def service(self) -> Any:
        """A new service, such as a `FakeService`; None for an executor that works with none."""
        return None

    def previous_executor(self, service: Any) -> Executor[Any, Any] | None:
        """The executor of the release before, which a roll-back brings back; None if there was none.

        Args:
            service: As for `executor`.
        """
        return None

    def service_error(self) -> Exception:
        """What the executor sees when the service can't be reached."""
        return ConnectionError("the connection to the service was lost")


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """What every run of a scenario drives.

    Attributes:
        record: The execution, before anything happened.
        artifacts: What it refers to, by digest.
        closure: What it runs.
        template: The one task.
        job_outputs: Of the job, serialized.
    """

    record: ExecutionRecord
    artifacts: Mapping[str, bytes]
    closure: CompiledWorkflowClosure
    template: TaskTemplate
    job_outputs: bytes


def executor_of(scenario: type[Scenario]) -> Executor[Any, Any]:
    """An executor as the scenario makes it, of which is known that it can be run.

    Raises:
        UserError: The scenario makes none, or one that does not serve its task.
    """
    name = f"{scenario.__module__}:{scenario.__qualname__}"
    try:
        made = scenario()
        executor: Any = made.executor(made.service())
    except Exception as error:
        raise errors.UserError(
            f"the scenario {name} makes no executor: it raised {type(error).__name__}: {error}"
        ) from error
    if not declarations.is_executor(executor.__class__):
        raise errors.UserError(
            f"executor() of the scenario {name} returned {type(executor).__name__}: return an Executor"
        )
    known: Executor[Any, Any] = executor
    declarations.check_class(type(known))
    task_type = pods.served_type(subject_of(made).template)
    if task_type not in known.task_types:
        raise errors.UserError(
            f"the task of the scenario {name} has the type {task_type!r}, and its executor {known.id!r} serves "
            f"{', '.join(known.task_types)}: make the executor of that type"
        )
    return known


def subject_of(scenario: Scenario) -> Subject:
    """Compile the scenario's task into an execution.

    Raises:
        UserError: There is no task, it can't be compiled, or the inputs do not fit it.
    """
    templates = _templates(scenario)
    closure = compiler.compile(templates, None)
    content = closure.SerializeToString(deterministic=True)
    digest = ids.digest(content)
    (template,) = templates.tasks
    inputs = _literals(scenario.inputs, template, "inputs")
    record = ExecutionRecord(
        id=EXECUTION,
        workflow=templates.workflow.id.name,
        closure_digest=digest,
        inputs=inputs.SerializeToString(deterministic=True),
        created_at=EPOCH,
    )
    job_outputs = _literals(scenario.job_outputs, template, "outputs")
    return Subject(
        record=record,
        artifacts={digest: content},
        closure=closure,
        template=template,
        job_outputs=job_outputs.SerializeToString(deterministic=True),
    )


def _templates(scenario: Scenario) -> compiler.Templates:
    name = type(scenario).__name__
    task = getattr(scenario, "task", None)
    if isinstance(task, TaskTemplate):
        return compiler.Templates(workflow=_workflow_around(task), tasks=(task,))
    if not isinstance(task, Task):
        raise errors.UserError(f"{name} names no task: set task to a task of the SDK, or to a TaskTemplate")
    made = serialization.serialize(cast("Task[..., Any]", task), project=PROJECT, domain=DOMAIN, version="1")
    return compiler.Templates(workflow=made.workflow, tasks=made.tasks)


def _workflow_around(template: TaskTemplate) -> WorkflowTemplate:
    """A workflow whose only node is the task, with its inputs and outputs."""
    node = Node(id="n0", task_node=TaskNode(reference_id=template.id))
    for name in sorted(template.interface.inputs.variables):
        node.inputs.append(_promise(name, ""))
    return WorkflowTemplate(
        id=identifiers.workflow(f"checked.{template.id.name}", "1", project=PROJECT, domain=DOMAIN),
        interface=template.interface,
        nodes=[node],
        outputs=[_promise(name, "n0") for name in sorted(template.interface.outputs.variables)],
    )


def _promise(name: str, node_id: str) -> Binding:
    return Binding(var=name, binding=BindingData(promise=OutputReference(node_id=node_id, var=name)))


def _literals(given: Mapping[str, Any], template: TaskTemplate, side: str) -> LiteralMap:
    declared = getattr(template.interface, side).variables
    made = LiteralMap()
    for name, value in given.items():
        if name not in declared:
            raise errors.UserError(f"the scenario gives {side[:-1]} {name!r}, which the task does not have")
        literal = value if isinstance(value, Literal) else json_values.from_json(value, declared[name].type)
        made.literals[name].CopyFrom(literal)
    return made
