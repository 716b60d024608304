"""Templates that can run become a closure; for all others every mistake is named, with its place and its mend."""

from collections.abc import Container
from datetime import timedelta
from typing import cast

import pytest

from elevon import compiler, errors
from elevon.compiler import Code
from elevon.idl import literal_types, literals
from elevon.idl.messages import (
    BooleanExpression,
    Duration,
    Node,
    Operand,
    Resources,
    SimpleType,
    WorkflowMetadata,
    WorkflowTemplate,
)
from tests.unit.compiler import specimens
from tests.unit.compiler.specimens import (
    INT,
    STR,
    branch,
    condition,
    node,
    subnode,
    task,
    templates,
    workflow,
)

ONE = literals.integer(1)


def problems_of(
    made: compiler.Templates, known_task_types: Container[str] | None = None
) -> list[tuple[str, str]]:
    with pytest.raises(compiler.CompilationError) as caught:
        compiler.compile(made, known_task_types)
    return [(problem.code, problem.sentence) for problem in caught.value.problems]


def only_problem(*workflows: WorkflowTemplate) -> tuple[str, str]:
    [problem] = problems_of(templates(*workflows))
    return problem


def choice(when: BooleanExpression | None = None, then: Node | None = None) -> WorkflowTemplate:
    inputs = {"x": "n0.o0"}
    made = branch("n1", inputs, when or condition("x"), then or node("n0", "one"), node("n1", "one"))
    return workflow(node("n0", "one"), made)


def test_the_closure_holds_the_templates_and_their_connections() -> None:
    inner = workflow(node("n0", "one"), name="inner")
    made = templates(workflow(node("n0", "one"), node("n1", "inc", a="n0.o0"), subnode("n2", "inner")), inner)
    closure = compiler.compile(made, {"python-task"})
    assert closure.primary.template == made.workflow
    assert [each.template for each in closure.sub_workflows] == [inner]
    assert [each.template for each in closure.tasks] == list(made.tasks)
    assert dict(closure.primary.connections.upstream)["n1"].ids == ["n0"]
    assert dict(closure.primary.connections.downstream)["n0"].ids == ["n1"]


def test_templates_given_twice_are_held_once() -> None:
    inner = workflow(name="inner")
    made = templates(workflow(subnode("n0", "inner")), inner, inner, tasks=[task("one"), task("one")])
    closure = compiler.compile(made)
    assert (len(closure.sub_workflows), len(closure.tasks)) == (1, 1)


def test_attributes_of_structs_lists_and_maps_have_their_types() -> None:
    users = literal_types.map_of(literal_types.collection_of(specimens.USER))
    compiler.compile(
        templates(
            workflow(
                node("n0", "user"),
                node("n1", "greet", name="n0.o0/name"),
                node("n2", "greet", name="n0.o0/tags/0"),
                node("n3", "greet", name=".users/ada/0/name"),
                inputs={"users": users},
            )
        )
    )


def test_all_problems_are_named_at_once() -> None:
    made = templates(
        workflow(
            node("n0", "inc", b=ONE),
            node("n1", "inc", a="n7.o0"),
            node("n2", "greet", name="n0.o0"),
            name="wf",
            outputs={"r": INT},
        )
    )
    with pytest.raises(errors.UserError) as caught:
        compiler.compile(made)
    assert str(caught.value).splitlines() == [
        "workflow 'wf' has 5 problems:",
        "- workflow 'wf', node 'n0', input 'b': there is no such input: there is 'a'",
        "- workflow 'wf', node 'n0', input 'a': it is bound to nothing, and takes int",
        "- workflow 'wf', node 'n1', input 'a': there is no node 'n7': there are 'n0', 'n1', 'n2'",
        "- workflow 'wf', node 'n2', input 'name': takes str, but is bound to output 'o0' of node 'n0', which is int",
        "- workflow 'wf', output 'r': it is bound to nothing, and takes int",
    ]


def test_a_single_problem_is_the_whole_message() -> None:
    with pytest.raises(compiler.CompilationError) as caught:
        compiler.compile(templates(workflow(node("n0", "two"))))
    [problem] = caught.value.problems
    assert str(caught.value) == problem.sentence
    assert problem.place == compiler.Place(workflow="wf", node="n0")


@pytest.mark.parametrize(
    ("template", "code", "sentence"),
    [
        (
            workflow(node("n0", "ine", a=ONE)),
            Code.TASK_REFERENCE_NOT_FOUND,
            "workflow 'wf', node 'n0': there is no task 'ine' in this version: did you mean 'one'?",
        ),
        (
            workflow(subnode("n0", "inner")),
            Code.WORKFLOW_REFERENCE_NOT_FOUND,
            "workflow 'wf', node 'n0': there is no workflow 'inner' in this version: there are none",
        ),
        (
            workflow(node("n0", "one", after=["n5"])),
            Code.NODE_REFERENCE_NOT_FOUND,
            "workflow 'wf', node 'n0': there is no node 'n5': there is 'n0'",
        ),
        (
            workflow(node("n0", "one"), node("n1", "inc", a="n0.result")),
            Code.VARIABLE_NAME_NOT_FOUND,
            "workflow 'wf', node 'n1', input 'a': node 'n0' has no output 'result': there is 'o0'",
        ),
        (
            workflow(node("n0", "inc", a=".y"), inputs={"x": INT, "z": INT}),
            Code.VARIABLE_NAME_NOT_FOUND,
            "workflow 'wf', node 'n0', input 'a': the workflow has no input 'y': there are 'x', 'z'",
        ),
        (
            workflow(node("n0", "inc", a=ONE, b=ONE)),
            Code.VARIABLE_NAME_NOT_FOUND,
            "workflow 'wf', node 'n0', input 'b': there is no such input: there is 'a'",
        ),
        (
            workflow(node("n0", "inc")),
            Code.PARAMETER_NOT_BOUND,
            "workflow 'wf', node 'n0', input 'a': it is bound to nothing, and takes int",
        ),
        (
            workflow(node("n0", "inc", a=specimens.BindingData())),
            Code.MISMATCHING_TYPES,
            "workflow 'wf', node 'n0', input 'a': takes int, but is bound to nothing",
        ),
        (
            workflow(node("n0", "inc", a=literals.string("1"))),
            Code.MISMATCHING_TYPES,
            "workflow 'wf', node 'n0', input 'a': takes int, but is bound to a constant, which is str",
        ),
        (
            workflow(node("n0", "inc", a=[ONE])),
            Code.MISMATCHING_TYPES,
            "workflow 'wf', node 'n0', input 'a': takes int, but is bound to a list",
        ),
        (
            workflow(node("n0", "user"), node("n1", "total", items=[ONE, "n0.o0/name"])),
            Code.MISMATCHING_TYPES,
            (
                "workflow 'wf', node 'n1', input 'items': at [1] takes int, but is bound to output 'o0'['name'] of "
                "node 'n0', which is str"
            ),
        ),
        (
            workflow(node("n0", "user"), node("n1", "greet", name="n0.o0/nam")),
            Code.VARIABLE_NAME_NOT_FOUND,
            "workflow 'wf', node 'n1', input 'name': User has no field 'nam': did you mean 'name'?",
        ),
        (
            workflow(node("n0", "one"), node("n1", "inc", a="n0.o0/k")),
            Code.VARIABLE_NAME_NOT_FOUND,
            "workflow 'wf', node 'n1', input 'a': int has no parts, so that ['k'] names nothing",
        ),
        (
            workflow(node("n0", "user"), node("n1", "greet", name="n0.o0/tags/first")),
            Code.VARIABLE_NAME_NOT_FOUND,
            "workflow 'wf', node 'n1', input 'name': list[str] is indexed by numbers, not by 'first'",
        ),
        (
            workflow(node("n0", "one"), outputs={"r": STR}, gives={"r": "n0.o0"}),
            Code.MISMATCHING_TYPES,
            "workflow 'wf', output 'r': takes str, but is bound to output 'o0' of node 'n0', which is int",
        ),
        (
            workflow(node("n0", "one"), gives={"r": "n0.o0"}),
            Code.VARIABLE_NAME_NOT_FOUND,
            "workflow 'wf', output 'r': there is no such output of the workflow: there are none",
        ),
        (
            workflow(node("n0", "one"), node("n0", "one")),
            Code.DUPLICATE_ID,
            "workflow 'wf', node 'n0': two nodes have this id: give one of them another",
        ),
        (
            workflow(
                node("n0", "inc", a="n2.o0"), node("n1", "inc", a="n0.o0"), node("n2", "inc", a="n1.o0")
            ),
            Code.CYCLE_DETECTED,
            "workflow 'wf': its nodes wait for each other: n0 -> n1 -> n2 -> n0",
        ),
        (
            workflow(node("n0", "one", after=["n0"])),
            Code.CYCLE_DETECTED,
            "workflow 'wf': its nodes wait for each other: n0 -> n0",
        ),
        (
            workflow(node("n0/n1", "one")),
            Code.INVALID_VALUE,
            (
                "workflow 'wf', node 'n0/n1': 'n0/n1' is no id of a node: write at most 255 letters, digits, "
                "underscores and dashes, no dash first"
            ),
        ),
        (
            workflow(Node(id="n0")),
            Code.VALUE_REQUIRED,
            "workflow 'wf', node 'n0': it runs nothing: give it a task, a workflow or a branch",
        ),
        (workflow(name=""), Code.VALUE_REQUIRED, "a workflow has no name"),
        (
            workflow(name="a\nb"),
            Code.INVALID_VALUE,
            "workflow 'a\\nb': the name of a workflow is at most 255 printable characters",
        ),
        (
            workflow(Node(id="n0", gate_node={})),
            Code.UNSUPPORTED,
            (
                "workflow 'wf', node 'n0': it waits for a signal, an approval or a time, which elevon can't run yet: "
                "leave out the gate"
            ),
        ),
        (
            workflow(Node(id="n0", array_node={})),
            Code.UNSUPPORTED,
            (
                "workflow 'wf', node 'n0': it maps something else than a task, which elevon can't run yet: map a task, "
                "a dynamic one to run more"
            ),
        ),
        (
            workflow(Node(id="n0", workflow_node={"launchplan_ref": {"name": "lp"}})),
            Code.UNSUPPORTED,
            "workflow 'wf', node 'n0': it runs a launch plan, which elevon can't run yet: call the workflow itself",
        ),
        (
            choice(then=node("n0", "inc")),
            Code.PARAMETER_NOT_BOUND,
            "workflow 'wf', node 'n1/n0', input 'a': it is bound to nothing, and takes int",
        ),
        (
            choice(then=node("n1", "one")),
            Code.DUPLICATE_ID,
            "workflow 'wf', node 'n1/n1': two arms of the branch have this id",
        ),
        (
            choice(condition("y")),
            Code.VARIABLE_NAME_NOT_FOUND,
            "workflow 'wf', node 'n1': a condition names 'y', which is no input of the branch: there is 'x'",
        ),
        (
            choice(condition("x", "LT", "three")),
            Code.MISMATCHING_TYPES,
            "workflow 'wf', node 'n1': the condition 'x' < a constant compares int with str, which do not compare",
        ),
        (
            choice(BooleanExpression()),
            Code.VALUE_REQUIRED,
            "workflow 'wf', node 'n1': a condition is empty: compare two values",
        ),
    ],
)
def test_each_mistake_has_its_sentence(template: WorkflowTemplate, code: Code, sentence: str) -> None:
    assert only_problem(template) == (code, sentence)


@pytest.mark.parametrize("node_id", ["n0", "fit-model", "basicMyTask", "0", "a_b", "größe"])
def test_node_ids_may_be_what_people_and_single_task_executions_call_them(node_id: str) -> None:
    compiler.compile(templates(workflow(node(node_id, "one"))))


def test_a_variable_bound_twice_is_refused() -> None:
    twice = node("n0", "inc", a=ONE)
    twice.inputs.append(twice.inputs[0])
    assert only_problem(workflow(twice)) == (
        Code.PARAMETER_BOUND_MORE_THAN_ONCE,
        "workflow 'wf', node 'n0', input 'a': it is bound more than once",
    )


def test_a_branch_needs_an_else() -> None:
    arm = branch("n1", {"x": "n0.o0"}, condition("x"), node("n0", "one"), None)
    assert only_problem(workflow(node("n0", "one"), arm)) == (
        Code.BRANCH_NODE_HAS_NO_DEFAULT,
        "workflow 'wf', node 'n1': a branch has no else arm: add else_(...), or an error for when no condition holds",
    )
    arm.branch_node.if_else.error.message = "too small"
    compiler.compile(templates(workflow(node("n0", "one"), arm)))


def test_a_branch_gives_what_all_its_arms_give() -> None:
    arms = branch(
        "n1", {"x": "n0.o0"}, condition("x"), node("n0", "one"), node("n1", "greet", name=literals.string(""))
    )
    assert only_problem(workflow(node("n0", "one"), arms, node("n2", "inc", a="n1.o0"))) == (
        Code.MISMATCHING_TYPES,
        "workflow 'wf', node 'n2', input 'a': takes int, but is bound to output 'o0' of node 'n1', which is int | str",
    )


def test_promises_in_an_arm_name_nodes_of_the_workflow_around_it() -> None:
    compiler.compile(templates(choice(then=node("n0", "inc", a="n0.o0"))))
    code, sentence = only_problem(choice(then=node("n0", "inc", a="n8.o0")))
    assert (code, sentence) == (
        Code.NODE_REFERENCE_NOT_FOUND,
        "workflow 'wf', node 'n1/n0', input 'a': there is no node 'n8': there are 'n0', 'n1'",
    )


@pytest.mark.parametrize("operator", ["EQ", "NEQ"])
def test_everything_may_be_tested_for_none(operator: str) -> None:
    when = condition("x", operator)
    when.comparison.right_value.CopyFrom(Operand(scalar=literals.none().scalar))
    compiler.compile(templates(choice(when)))


def test_none_has_no_order() -> None:
    when = condition("x", "GT")
    when.comparison.right_value.CopyFrom(Operand(scalar=literals.none().scalar))
    assert only_problem(choice(when)) == (
        Code.MISMATCHING_TYPES,
        "workflow 'wf', node 'n1': the condition 'x' > a constant compares int with None, which do not compare",
    )


def test_two_cycles_are_two_problems() -> None:
    made = workflow(
        node("n0", "one", after=["n1"]),
        node("n1", "one", after=["n0"]),
        node("n2", "one", after=["n1", "n4"]),
        node("n3", "one", after=["n2"]),
        node("n4", "one", after=["n3"]),
    )
    assert [sentence for _, sentence in problems_of(templates(made))] == [
        "workflow 'wf': its nodes wait for each other: n0 -> n1 -> n0",
        "workflow 'wf': its nodes wait for each other: n2 -> n3 -> n4 -> n2",
    ]


def test_a_workflow_may_not_run_itself() -> None:
    wf, a, b = (
        workflow(subnode("n0", "a"), name="wf"),
        workflow(subnode("n0", "b"), name="a"),
        workflow(subnode("n0", "a"), name="b"),
    )
    assert only_problem(wf, a, b) == (Code.CYCLE_DETECTED, "workflow 'a': it runs itself: a -> b -> a")
    assert only_problem(workflow(subnode("n0", "wf"))) == (
        Code.CYCLE_DETECTED,
        "workflow 'wf': it runs itself: wf -> wf",
    )


def test_two_templates_of_one_id_must_be_the_same() -> None:
    made = templates(workflow(), tasks=[task("one"), task("one", output=STR)])
    assert problems_of(made) == [(Code.DUPLICATE_ID, "task 'one': two different tasks have this id")]
    made = templates(workflow(), workflow(name="a"), workflow(node("n0", "one"), name="a"))
    assert problems_of(made) == [(Code.DUPLICATE_ID, "workflow 'a': two different workflows have this id")]


def test_failure_nodes_and_unknown_policies_are_refused() -> None:
    made = workflow()
    made.failure_node.id = "efn0"
    made.metadata.on_failure = cast(WorkflowMetadata.OnFailurePolicy, 7)
    assert [sentence for _, sentence in problems_of(templates(made))] == [
        "workflow 'wf': it has the unknown failure policy 7",
        "workflow 'wf': it has a failure node, which elevon can't run yet: leave out on_failure",
    ]


UNREGISTERED = (
    "no executor is registered for the task type 'slep': install the package that has it, or name it by "
    "--tasktype MODULE:CLASS"
)


@pytest.mark.parametrize(
    ("known", "ending"),
    [
        (["sleep", "echo"], "; did you mean 'sleep'?"),
        (["echo", "container"], "; there are 'container', 'echo'"),
        ([], "; there are none"),
    ],
)
def test_an_unknown_task_type_is_named_with_the_known_ones(known: list[str], ending: str) -> None:
    made = templates(workflow(), tasks=[task("nap", task_type="slep")])
    assert problems_of(made, known) == [(Code.UNKNOWN_TASK_TYPE, f"task 'nap': {UNREGISTERED}{ending}")]


def test_types_that_can_not_be_listed_are_only_asked() -> None:
    class OnlyEcho:
        def __contains__(self, name: object) -> bool:
            return name == "echo"

    made = templates(workflow(), tasks=[task("nap", task_type="slep"), task("say", task_type="echo")])
    assert problems_of(made, OnlyEcho()) == [(Code.UNKNOWN_TASK_TYPE, f"task 'nap': {UNREGISTERED}")]


def test_bad_settings_of_a_task_are_named() -> None:
    bad = task("bad", task_type="")
    bad.metadata.discoverable = True
    bad.metadata.timeout.CopyFrom(Duration(seconds=-1))
    bad.config["queue_timeout"] = "soon"
    bad.container.resources.requests.add(name=Resources.CPU, value="2 cpus")
    bad.container.resources.requests.add(name=Resources.MEMORY, value="2Gi")
    bad.container.resources.limits.add(name=Resources.MEMORY, value="1Gi")
    assert [sentence for _, sentence in problems_of(templates(workflow(), tasks=[bad]))] == [
        "task 'bad': it has no task type",
        "task 'bad': its outputs can't be cached yet: leave out cache",
        "task 'bad': its timeout is no span of time from zero up",
        "task 'bad': queue_timeout 'soon' is no number of seconds above zero",
        "task 'bad': its request of cpu: '2 cpus' is no quantity: write one like '500m', '2' or '4Gi'",
        "task 'bad': its request of memory is above its limit",
    ]


def test_bad_settings_of_a_node_are_named() -> None:
    bad = node("n0", "one")
    bad.metadata.cacheable = True
    bad.metadata.timeout.FromTimedelta(timedelta(seconds=-1))
    bad.task_node.overrides.resources.limits.add(name=Resources.GPU, value="one")
    assert [sentence for _, sentence in problems_of(templates(workflow(bad)))] == [
        "workflow 'wf', node 'n0': its timeout is no span of time from zero up",
        "workflow 'wf', node 'n0': its outputs can't be cached yet: leave out cache",
        "workflow 'wf', node 'n0': its limit of gpu: 'one' is no quantity: write one like '500m', '2' or '4Gi'",
    ]


@pytest.mark.parametrize(
    ("target", "value", "is_right"),
    [
        (literal_types.enum_of(["red", "blue"]), literals.string("red"), True),
        (literal_types.enum_of(["red", "blue"]), literals.string("pink"), False),
        (literal_types.union_of([INT, literal_types.simple(SimpleType.NONE)]), literals.none(), True),
        (literal_types.union_of([INT, STR]), literals.floating(1.0), False),
        (specimens.USER, literals.msgpack(b"\x80"), True),
        (literal_types.blob(file_format="csv"), literals.blob("s3://b/x", file_format="csv"), True),
        (literal_types.blob(), literals.blob("s3://b/x", is_multipart=True), False),
    ],
)
def test_constants_must_fit(target: specimens.LiteralType, value: specimens.Literal, is_right: bool) -> None:
    made = templates(workflow(node("n0", "t", a=value)), tasks=[task("t", {"a": target})])
    if is_right:
        compiler.compile(made)
    else:
        [(code, _)] = problems_of(made)
        assert code == Code.MISMATCHING_TYPES


def test_a_list_fits_the_variant_of_a_union_that_takes_lists() -> None:
    target = literal_types.union_of([INT, literal_types.collection_of(INT)])
    compiler.compile(templates(workflow(node("n0", "t", a=[ONE])), tasks=[task("t", {"a": target})]))
    made = templates(workflow(node("n0", "t", a=[literals.string("")])), tasks=[task("t", {"a": target})])
    assert problems_of(made) == [
        (
            Code.MISMATCHING_TYPES,
            "workflow 'wf', node 'n0', input 'a': takes int | list[int], but is bound to a list",
        )
    ]
