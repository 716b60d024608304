"""A closure as text for a person: what runs, on what, with which settings.

It owns the layout alone. It must never be parsed: programs read the JSON form of the message.
"""

import json
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from elevon.compiler import array_types, binding_types, indexing
from elevon.compiler.condition_types import SPELLED
from elevon.compiler.templates import Key, key_of
from elevon.idl import json_values, literal_types, literals
from elevon.idl.messages import (
    ArrayNode,
    Binding,
    BindingData,
    BooleanExpression,
    CompiledWorkflowClosure,
    ConjunctionExpression,
    IfElseBlock,
    Literal,
    Node,
    Operand,
    Resources,
    Scalar,
    TaskMetadata,
    TaskTemplate,
    Variable,
    WorkflowMetadata,
    WorkflowTemplate,
)
from elevon.idl.promises import promises_of

INDENT = "  "

Metadata = Mapping[Key, TaskMetadata]


def render_text(closure: CompiledWorkflowClosure) -> str:
    """The closure's workflows, nodes, bindings and tasks, one thing a line, without a line end at the end.

    Of a node's settings it shows what differs from its task's, and of its order what its bindings do not say.
    """
    metadata = {key_of(each.template.id): each.template.metadata for each in closure.tasks}
    workflows = (closure.primary, *closure.sub_workflows)
    blocks = [
        *(_workflow(each.template, metadata) for each in workflows),
        *(_task(each.template) for each in closure.tasks),
    ]
    return "\n\n".join("\n".join(block) for block in blocks)


def _workflow(template: WorkflowTemplate, metadata: Metadata) -> Iterator[str]:
    yield f"workflow {template.id.name}"
    yield from _indented(_variables("input", template.interface.inputs.variables))
    yield from _indented(_variables("output", template.interface.outputs.variables))
    if template.metadata.on_failure == WorkflowMetadata.FAIL_AFTER_EXECUTABLE_NODES_COMPLETE:
        yield f"{INDENT}on failure: run what can still run"
    for node in indexing.inner_nodes(template.nodes):
        yield from _indented(_node(node, metadata))
    yield from _indented(f"returns {line}" for line in _bindings(template.outputs))


def _variables(kind: str, variables: Mapping[str, Variable]) -> Iterator[str]:
    for name, variable in sorted(variables.items()):
        yield f"{kind} {name}: {literal_types.describe(variable.type)}"


def _node(node: Node, metadata: Metadata) -> Iterator[str]:
    running = node.array_node.node if node.HasField("array_node") else node
    own = metadata.get(key_of(running.task_node.reference_id), TaskMetadata())
    texts = (*_order(node), *_node_settings(running, own), *_array_settings(node.array_node))
    settings = "".join(f", {text}" for text in texts)
    match node.WhichOneof("target"):
        case "task_node":
            yield f"node {node.id}: task {node.task_node.reference_id.name}{settings}"
            yield from _indented(_bindings(node.inputs))
        case "workflow_node":
            yield f"node {node.id}: workflow {node.workflow_node.sub_workflow_ref.name}{settings}"
            yield from _indented(_bindings(node.inputs))
        case "array_node":
            name = node.array_node.node.task_node.reference_id.name
            yield f"node {node.id}: map of task {name}{settings}"
            yield from _indented(_bindings(node.inputs))
        case _:
            yield f"node {node.id}: branch{settings}"
            sources = {binding.var: _spell(binding.binding) for binding in node.inputs}
            yield from _indented(_branch(node.branch_node.if_else, sources, metadata))


def _order(node: Node) -> Iterator[str]:
    implied = {promise.node_id for each in node.inputs for promise in promises_of(each.binding)}
    for arm in indexing.arms_of(node.branch_node.if_else):
        implied.update(indexing.upstream_ids(arm))
    after = [node_id for node_id in node.upstream_node_ids if node_id not in implied]
    if after:
        yield f"after {', '.join(after)}"


def _array_settings(array: ArrayNode) -> Iterator[str]:
    if array.bound_inputs:
        yield f"the same for all: {', '.join(array.bound_inputs)}"
    if array.parallelism:
        yield f"{array.parallelism} at once"
    if array.WhichOneof("success_criteria") == "min_successes":
        yield f"at least {array.min_successes} succeed"
    elif (ratio := array_types.min_success_ratio_of(array)) != 1:
        yield f"at least {ratio:.6g} of them succeed"
    if array.run_all_sub_nodes:
        yield "all run to their end"


def _node_settings(node: Node, own: TaskMetadata) -> Iterator[str]:
    if node.metadata.HasField("retries") and node.metadata.retries.retries != own.retries.retries:
        yield f"retries {node.metadata.retries.retries}"
    timeout = node.metadata.timeout.ToTimedelta()
    if timeout and timeout != own.timeout.ToTimedelta():
        yield f"timeout {timeout}"
    if resources := _resources(node.task_node.overrides.resources):
        yield resources
    if image := node.task_node.overrides.container_image:
        yield f"image {image}"


def _branch(branch: IfElseBlock, sources: Mapping[str, str], metadata: Metadata) -> Iterator[str]:
    word = "if"
    for block in (branch.case, *branch.other):
        yield f"{word} {_condition(block.condition, sources)}"
        yield from _indented(_node(block.then_node, metadata))
        word = "elif"
    yield "else"
    if branch.HasField("else_node"):
        yield from _indented(_node(branch.else_node, metadata))
    else:
        yield f"{INDENT}fail: {branch.error.message}"


def _condition(expression: BooleanExpression, sources: Mapping[str, str]) -> str:
    if expression.HasField("comparison"):
        comparison = expression.comparison
        left, right = _operand(comparison.left_value, sources), _operand(comparison.right_value, sources)
        return f"{left} {SPELLED[comparison.operator]} {right}"
    conjunction = expression.conjunction
    word = "or" if conjunction.operator == ConjunctionExpression.OR else "and"
    left, right = (
        f"({_condition(side, sources)})" if side.HasField("conjunction") else _condition(side, sources)
        for side in (conjunction.left_expression, conjunction.right_expression)
    )
    return f"{left} {word} {right}"


def _operand(operand: Operand, sources: Mapping[str, str]) -> str:
    match operand.WhichOneof("val"):
        case "var":
            return sources.get(operand.var, operand.var)
        case "primitive":
            return _constant(Literal(scalar=Scalar(primitive=operand.primitive)))
        case _:
            return _constant(Literal(scalar=operand.scalar))


def _bindings(bindings: Iterable[Binding]) -> Iterator[str]:
    for binding in bindings:
        yield f"{binding.var} = {_spell(binding.binding)}"


def _spell(data: BindingData) -> str:
    match data.WhichOneof("value"):
        case "promise":
            return ".".join(
                filter(None, (data.promise.node_id, data.promise.var))
            ) + binding_types.spell_path(data.promise)
        case "collection":
            return f"[{', '.join(_spell(item) for item in data.collection.bindings)}]"
        case "map":
            return f"{{{', '.join(f'{key!r}: {_spell(item)}' for key, item in data.map.bindings.items())}}}"
        case _:
            return _constant(Literal(scalar=data.scalar))


def _constant(literal: Literal) -> str:
    try:
        return repr(json_values.to_json(literal))
    except msgspec.MsgspecError:
        return f"<{len(literal.scalar.binary.value)} bytes that are no msgpack>"


def _task(template: TaskTemplate) -> Iterator[str]:
    yield f"task {template.id.name}"
    yield from _indented(_variables("input", template.interface.inputs.variables))
    yield from _indented(_variables("output", template.interface.outputs.variables))
    yield from _indented(_task_settings(template))


def _task_settings(template: TaskTemplate) -> Iterator[str]:
    yield f"type: {template.type}"
    if template.container.image:
        yield f"image: {template.container.image}"
    if words := [*template.container.command, *template.container.args]:
        yield f"command: {' '.join(words)}"
    if resources := _resources(template.container.resources):
        yield f"resources: {resources}"
    if retries := template.metadata.retries.retries:
        yield f"retries: {retries}"
    if timeout := template.metadata.timeout.ToTimedelta():
        yield f"timeout: {timeout}"
    if queue_timeout := indexing.queue_timeout_of(template):
        yield f"queue timeout: {queue_timeout}"
    for entry in template.container.env:
        yield f"environment: {entry.key}={entry.value}"
    if template.HasField("custom"):
        yield f"custom: {json.dumps(literals.plain_of(template.custom), sort_keys=True, ensure_ascii=False)}"


def _resources(resources: Resources) -> str:
    parts = [
        f"{Resources.ResourceName.Name(entry.name).lower()} {entry.value}{suffix}"
        for entries, suffix in ((resources.requests, ""), (resources.limits, " at most"))
        for entry in entries
    ]
    return ", ".join(parts)


def _indented(lines: Iterable[str]) -> Iterator[str]:
    return (f"{INDENT}{line}" for line in lines)
