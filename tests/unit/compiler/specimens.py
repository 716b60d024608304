"""Small templates to compile: tasks, nodes, bindings and workflows in one line each."""

from collections.abc import Mapping, Sequence

from elevon import compiler
from elevon.idl import literal_types, literals
from elevon.idl.messages import (
    Binding,
    BindingData,
    BindingDataCollection,
    BooleanExpression,
    ComparisonExpression,
    Identifier,
    IfBlock,
    IfElseBlock,
    Literal,
    LiteralType,
    Node,
    Operand,
    OutputReference,
    PromiseAttribute,
    ResourceType,
    SimpleType,
    TaskTemplate,
    TypedInterface,
    Variable,
    VariableMap,
    WorkflowTemplate,
)

INT = literal_types.simple(SimpleType.INTEGER)
STR = literal_types.simple(SimpleType.STRING)
USER = literal_types.msgpack_struct(
    {"title": "User"}, {"name": STR, "tags": literal_types.collection_of(STR)}
)

Bound = BindingData | Literal | str | list["Bound"]


def identifier(name: str, kind: ResourceType = ResourceType.TASK) -> Identifier:
    return Identifier(resource_type=kind, project="p", domain="d", name=name, version="v")


def interface(inputs: Mapping[str, LiteralType], outputs: Mapping[str, LiteralType]) -> TypedInterface:
    return TypedInterface(
        inputs=VariableMap(variables={name: Variable(type=each) for name, each in inputs.items()}),
        outputs=VariableMap(variables={name: Variable(type=each) for name, each in outputs.items()}),
    )


def task(
    name: str,
    inputs: Mapping[str, LiteralType] | None = None,
    output: LiteralType = INT,
    task_type: str = "python-task",
) -> TaskTemplate:
    return TaskTemplate(
        id=identifier(name), type=task_type, interface=interface(inputs or {}, {"o0": output})
    )


def bound(value: Bound) -> BindingData:
    """A constant, a list, or a promise written as `n0.o0`, `.x` for an input, `n0.o0/name/3` with attributes."""
    match value:
        case BindingData():
            return value
        case Literal():
            return BindingData(scalar=value.scalar)
        case list():
            return BindingData(collection=BindingDataCollection(bindings=[bound(item) for item in value]))
        case _:
            reference, *path = value.split("/")
            node_id, variable = reference.split(".")
            steps = [
                PromiseAttribute(int_value=int(step))
                if step.isdigit()
                else PromiseAttribute(string_value=step)
                for step in path
            ]
            return BindingData(promise=OutputReference(node_id=node_id, var=variable, attr_path=steps))


def bindings(values: Mapping[str, Bound]) -> list[Binding]:
    return [Binding(var=name, binding=bound(value)) for name, value in values.items()]


def node(node_id: str, task_name: str, after: Sequence[str] = (), **inputs: Bound) -> Node:
    made = Node(id=node_id, inputs=bindings(inputs), upstream_node_ids=after)
    made.task_node.reference_id.CopyFrom(identifier(task_name))
    return made


def subnode(node_id: str, workflow_name: str, **inputs: Bound) -> Node:
    made = Node(id=node_id, inputs=bindings(inputs))
    made.workflow_node.sub_workflow_ref.CopyFrom(identifier(workflow_name, ResourceType.WORKFLOW))
    return made


def array(node_id: str, task_name: str, *fixed: str, **inputs: Bound) -> Node:
    """An array of a task as it is, some of whose inputs are the same for all elements."""
    made = Node(id=node_id, inputs=bindings(inputs))
    made.array_node.node.CopyFrom(node("element", task_name, (), **inputs))
    made.array_node.bound_inputs.extend(fixed)
    made.array_node.is_original_sub_node_interface.value = True
    return made


def condition(left: Bound, operator: str = "GT", right: int | str = 3) -> BooleanExpression:
    literal = literals.integer(right) if isinstance(right, int) else literals.string(right)
    operand = Operand(var=left) if isinstance(left, str) else Operand(primitive=bound(left).scalar.primitive)
    return BooleanExpression(
        comparison=ComparisonExpression(
            left_value=operand,
            operator=operator,
            right_value=Operand(primitive=literal.scalar.primitive),
        )
    )


def branch(
    node_id: str, inputs: Mapping[str, Bound], when: BooleanExpression, then: Node, otherwise: Node | None
) -> Node:
    block = IfElseBlock(case=IfBlock(condition=when, then_node=then), else_node=otherwise)
    made = Node(id=node_id, inputs=bindings(inputs))
    made.branch_node.if_else.CopyFrom(block)
    return made


def workflow(
    *nodes: Node,
    name: str = "wf",
    inputs: Mapping[str, LiteralType] | None = None,
    outputs: Mapping[str, LiteralType] | None = None,
    gives: Mapping[str, Bound] | None = None,
) -> WorkflowTemplate:
    return WorkflowTemplate(
        id=identifier(name, ResourceType.WORKFLOW),
        interface=interface(inputs or {}, outputs or {}),
        nodes=nodes,
        outputs=bindings(gives or {}),
    )


def templates(
    primary: WorkflowTemplate,
    *sub_workflows: WorkflowTemplate,
    tasks: Sequence[TaskTemplate] = (),
) -> compiler.Templates:
    """The workflows with the tasks given, or with a few that most workflows here use."""
    usual = (
        task("one"),
        task("inc", {"a": INT}),
        task("total", {"items": literal_types.collection_of(INT)}),
        task("user", output=USER),
        task("greet", {"name": STR}, STR),
    )
    return compiler.Templates(workflow=primary, sub_workflows=sub_workflows, tasks=tuple(tasks) or usual)
