"""One workflow: its nodes, what they refer to, what is bound to what, and in which order it can run.

It owns the scope of names: a promise names a node of the same workflow, also from within the arm of a branch. It must
never look into another workflow beyond its interface.
"""

from collections.abc import Iterable, Sequence

import msgspec

from elevon import errors
from elevon.compiler import array_types, arrays, binding_types, cycles, indexing, settings
from elevon.compiler.condition_types import ConditionCheck
from elevon.compiler.problems import Code, Place, Report
from elevon.compiler.templates import Directory, Interface, Types, interface_of
from elevon.idl import literal_types
from elevon.idl.messages import (
    Binding,
    BranchNode,
    LiteralType,
    Node,
    OutputReference,
    WorkflowMetadata,
    WorkflowTemplate,
)
from elevon.idl.promises import promises_of
from elevon.primitives import suggestions

_UNSUPPORTED = {
    "gate_node": "it waits for a signal, an approval or a time, which elevon can't run yet: leave out the gate",
}
_NO_LAUNCH_PLANS = "it runs a launch plan, which elevon can't run yet: call the workflow itself"
_MAPS_NO_TASK = (
    "it maps something else than a task, which elevon can't run yet: map a task, a dynamic one to run more"
)
_NO_FAILURE_NODE = "it has a failure node, which elevon can't run yet: leave out on_failure"


class WorkflowCheck:
    """Checks one workflow template.

    Args:
        template: The workflow.
        directory: Everything that it may refer to.
        report: Takes the problems.
    """

    def __init__(self, template: WorkflowTemplate, directory: Directory, report: Report) -> None:
        self._template = template
        self._directory = directory
        self._report = report
        self._place = Place(workflow=template.id.name)
        self._interface = interface_of(template.interface)
        self._nodes = indexing.inner_nodes(template.nodes)
        self._outputs: dict[str, Types | None] = {}

    def check(self) -> None:
        """Report everything that is wrong with the workflow."""
        settings.check_name(self._report, self._place, "workflow", self._template.id.name)
        if self._template.metadata.on_failure not in WorkflowMetadata.OnFailurePolicy.values():
            text = f"it has the unknown failure policy {self._template.metadata.on_failure}"
            self._report.add(Code.INVALID_VALUE, self._place, text)
        if self._template.HasField("failure_node"):
            self._report.add(Code.UNSUPPORTED, self._place, _NO_FAILURE_NODE)
        self._learn_outputs()
        for node in self._nodes:
            self._node(node, self._place_of(node.id))
        self._bindings(self._template.outputs, self._interface.outputs, self._place, is_output=True)
        self._order()

    def _place_of(self, node_id: str) -> Place:
        return msgspec.structs.replace(self._place, node=node_id)

    def _learn_outputs(self) -> None:
        for node in self._nodes:
            if node.id in self._outputs:
                text = "two nodes have this id: give one of them another"
                self._report.add(Code.DUPLICATE_ID, self._place_of(node.id), text)
            interface = self._interface_of(node)
            self._outputs.setdefault(node.id, None if interface is None else interface.outputs)

    def _interface_of(self, node: Node) -> Interface | None:
        """What the node takes and gives; None where that can't be known, which is reported elsewhere."""
        match node.WhichOneof("target"):
            case "task_node":
                return self._directory.task_interface(node.task_node.reference_id)
            case "workflow_node" if node.workflow_node.HasField("sub_workflow_ref"):
                return self._directory.workflow_interface(node.workflow_node.sub_workflow_ref)
            case "branch_node":
                return self._interface_of_branch(node.branch_node)
            case "array_node":
                element = self._interface_of(node.array_node.node)
                return None if element is None else array_types.interface_of(node.array_node, element)
            case _:
                return None

    def _interface_of_branch(self, branch: BranchNode) -> Interface | None:
        """The outputs that all arms have; one whose type differs between them is a union."""
        arms = [self._interface_of(arm) for arm in indexing.arms_of(branch.if_else)]
        known = [arm.outputs for arm in arms if arm is not None]
        if len(known) < len(arms):
            return None
        shared = [name for name in known[0] if all(name in outputs for outputs in known)]
        return Interface(
            inputs={}, outputs={name: _either(outputs[name] for outputs in known) for name in shared}
        )

    def _node(self, node: Node, place: Place) -> None:
        settings.check_node(self._report, place, node)
        for node_id in node.upstream_node_ids:
            if node_id not in self._outputs and node_id != indexing.START_NODE_ID:
                self._unknown_node(place, node_id)
        target = node.WhichOneof("target")
        if target in _UNSUPPORTED:
            self._report.add(Code.UNSUPPORTED, place, _UNSUPPORTED[target])
        elif target == "branch_node":
            self._branch(node, place)
        elif target == "array_node":
            self._array(node, place)
        elif target is None:
            self._report.add(
                Code.VALUE_REQUIRED, place, "it runs nothing: give it a task, a workflow or a branch"
            )
        else:
            self._call(node, place)

    def _call(self, node: Node, place: Place) -> None:
        """A node that runs a task or a workflow."""
        interface = self._interface_of(node)
        if interface is not None:
            self._bindings(node.inputs, interface.inputs, place)
            return
        self._promises(node.inputs, place)
        if node.HasField("task_node"):
            self._unknown_task(place, node.task_node.reference_id.name)
        elif node.workflow_node.HasField("launchplan_ref"):
            self._report.add(Code.UNSUPPORTED, place, _NO_LAUNCH_PLANS)
        else:
            name = node.workflow_node.sub_workflow_ref.name
            known = (each.id.name for each in self._directory.sub_workflows.values())
            text = f"there is no workflow {name!r} in this version: {suggestions.hint(name, known)}"
            self._report.add(Code.WORKFLOW_REFERENCE_NOT_FOUND, place, text)

    def _array(self, node: Node, place: Place) -> None:
        """A node that runs a task for each element of a list."""
        element = node.array_node.node
        task = self._interface_of(element)
        if not element.HasField("task_node"):
            self._promises(node.inputs, place)
            self._report.add(Code.UNSUPPORTED, place, _MAPS_NO_TASK)
        elif task is None:
            self._promises(node.inputs, place)
            self._unknown_task(place, element.task_node.reference_id.name)
        else:
            arrays.check(node, task, place, self._report)
            self._bindings(node.inputs, array_types.interface_of(node.array_node, task).inputs, place)

    def _unknown_task(self, place: Place, name: str) -> None:
        known = (task.id.name for task in self._directory.tasks.values())
        text = f"there is no task {name!r} in this version: {suggestions.hint(name, known)}"
        self._report.add(Code.TASK_REFERENCE_NOT_FOUND, place, text)

    def _branch(self, node: Node, place: Place) -> None:
        self._promises(node.inputs, place)
        inputs = {binding.var: self._type_of_binding(binding) for binding in node.inputs}
        branch = node.branch_node.if_else
        conditions = ConditionCheck(self._report, place, inputs)
        for block in (branch.case, *branch.other):
            conditions.check(block.condition)
        if branch.WhichOneof("default") is None:
            text = "a branch has no else arm: add else_(...), or an error for when no condition holds"
            self._report.add(Code.BRANCH_NODE_HAS_NO_DEFAULT, place, text)
        seen: set[str] = set()
        for arm in indexing.arms_of(branch):
            inner = msgspec.structs.replace(place, node=f"{place.node}/{arm.id}")
            if arm.id in seen:
                self._report.add(Code.DUPLICATE_ID, inner, "two arms of the branch have this id")
            seen.add(arm.id)
            self._node(arm, inner)

    def _bindings(
        self, bindings: Sequence[Binding], wanted: Types, place: Place, *, is_output: bool = False
    ) -> None:
        """Bindings against the variables that they fill."""
        self._promises(bindings, place, is_output=is_output)
        bound: set[str] = set()
        for binding in bindings:
            here = place.at(binding.var, is_output=is_output)
            if binding.var in bound:
                self._report.add(Code.PARAMETER_BOUND_MORE_THAN_ONCE, here, "it is bound more than once")
            bound.add(binding.var)
            if binding.var not in wanted:
                kind = "output of the workflow" if is_output else "input"
                text = f"there is no such {kind}: {suggestions.hint(binding.var, wanted)}"
                self._report.add(Code.VARIABLE_NAME_NOT_FOUND, here, text)
                continue
            reason = binding_types.mismatch(binding.binding, wanted[binding.var], self._type_of)
            if reason:
                self._report.add(Code.MISMATCHING_TYPES, here, reason)
        for name, wanted_type in wanted.items():
            if name not in bound:
                text = f"it is bound to nothing, and takes {literal_types.describe(wanted_type)}"
                self._report.add(Code.PARAMETER_NOT_BOUND, place.at(name, is_output=is_output), text)

    def _promises(self, bindings: Iterable[Binding], place: Place, *, is_output: bool = False) -> None:
        """Report promises of what is not there."""
        for binding in bindings:
            here = place.at(binding.var, is_output=is_output)
            for promise in promises_of(binding.binding):
                outputs = self._outputs_of(promise.node_id)
                if promise.node_id not in self._outputs and outputs is None:
                    self._unknown_node(here, promise.node_id)
                elif outputs is not None and promise.var not in outputs:
                    source = (
                        "the workflow" if outputs is self._interface.inputs else f"node {promise.node_id!r}"
                    )
                    kind = "input" if outputs is self._interface.inputs else "output"
                    text = f"{source} has no {kind} {promise.var!r}: {suggestions.hint(promise.var, outputs)}"
                    self._report.add(Code.VARIABLE_NAME_NOT_FOUND, here, text)
                elif outputs is not None:
                    try:
                        binding_types.attribute_type(outputs[promise.var], list(promise.attr_path))
                    except errors.UserError as error:
                        self._report.add(Code.VARIABLE_NAME_NOT_FOUND, here, str(error))

    def _unknown_node(self, place: Place, node_id: str) -> None:
        text = f"there is no node {node_id!r}: {suggestions.hint(node_id, self._outputs)}"
        self._report.add(Code.NODE_REFERENCE_NOT_FOUND, place, text)

    def _outputs_of(self, node_id: str) -> Types | None:
        if node_id in {"", indexing.START_NODE_ID}:
            return self._interface.inputs
        return self._outputs.get(node_id)

    def _type_of(self, promise: OutputReference) -> LiteralType | None:
        outputs = self._outputs_of(promise.node_id)
        if outputs is None or promise.var not in outputs:
            return None
        try:
            return binding_types.attribute_type(outputs[promise.var], list(promise.attr_path))
        except errors.UserError:
            return None

    def _type_of_binding(self, binding: Binding) -> LiteralType | None:
        match binding.binding.WhichOneof("value"):
            case "promise":
                return self._type_of(binding.binding.promise)
            case "scalar":
                return binding_types.constant_type(binding.binding.scalar)
            case _:
                return None

    def _order(self) -> None:
        upstream = {
            node.id: [source for source in indexing.upstream_ids(node) if source in self._outputs]
            for node in self._nodes
        }
        for cycle in cycles.find(upstream):
            text = f"its nodes wait for each other: {' -> '.join(cycle)}"
            self._report.add(Code.CYCLE_DETECTED, self._place, text)


def _either(variants: Iterable[LiteralType]) -> LiteralType:
    """The one type, or the union of several."""
    distinct: list[LiteralType] = []
    for variant in variants:
        if variant not in distinct:
            distinct.append(variant)
    return distinct[0] if len(distinct) == 1 else literal_types.union_of(distinct)
