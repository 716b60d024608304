"""The graph that the engine runs says what waits for what, and what the overrides of a node mean."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from elevon import compiler, errors
from elevon.compiler import graphs, indexing
from elevon.idl import literals
from elevon.idl.messages import (
    CompiledWorkflowClosure,
    K8sPod,
    Node,
    Resources,
    TaskNodeOverrides,
    TaskTemplate,
    WorkflowMetadata,
    WorkflowTemplate,
)
from tests.unit.compiler import specimens
from tests.unit.compiler.specimens import INT, branch, condition, node, subnode, task, workflow


def graph_of(template: WorkflowTemplate, *sub_workflows: WorkflowTemplate) -> graphs.Graph:
    return compiler.index(compiler.compile(specimens.templates(template, *sub_workflows)))


def settings_of(task_template: TaskTemplate, node_template: Node) -> graphs.TaskSettings:
    made = specimens.templates(workflow(node_template), tasks=[task_template])
    settings = compiler.index(compiler.compile(made)).nodes[node_template.id].settings
    assert settings is not None
    return settings


def cpu(amount: str) -> Resources:
    return Resources(requests=[Resources.ResourceEntry(name=Resources.CPU, value=amount)])


def test_nodes_wait_for_what_they_are_bound_to_and_for_what_they_name() -> None:
    graph = graph_of(
        workflow(
            node("n0", "inc", a=".x"),
            node("n1", "one", after=["n0", "start-node"]),
            node("n2", "total", items=["n0.o0", literals.integer(2), "n1.o0", "n0.o0"]),
            inputs={"x": INT},
            outputs={"r": INT},
            gives={"r": "n2.o0"},
        )
    )
    assert {each.id: (each.upstream, each.downstream) for each in graph.nodes.values()} == {
        "n0": ((), ("n1", "n2")),
        "n1": (("n0",), ("n2",)),
        "n2": (("n0", "n1"), ()),
    }
    assert graph.roots == ("n0",)
    assert graph.name == "wf"
    assert [binding.var for binding in graph.outputs] == ["r"]
    assert graph.nodes["n0"].kind is graphs.NodeKind.TASK
    assert graph.nodes["n0"].task is not None


def test_start_and_end_nodes_are_left_out() -> None:
    graph = graph_of(workflow(Node(id="start-node"), node("n0", "one"), Node(id="end-node")))
    assert list(graph.nodes) == ["n0"]


def test_the_failure_policy_is_the_workflows() -> None:
    template = workflow(node("n0", "one"))
    assert graph_of(template).on_failure is graphs.FailurePolicy.FAIL_IMMEDIATELY
    template.metadata.on_failure = WorkflowMetadata.FAIL_AFTER_EXECUTABLE_NODES_COMPLETE
    assert graph_of(template).on_failure is graphs.FailurePolicy.FAIL_AFTER_EXECUTABLE_NODES_COMPLETE


def test_a_subworkflow_has_one_graph_however_often_it_is_used() -> None:
    inner = workflow(
        node("n0", "inc", a=".x"), name="inner", inputs={"x": INT}, outputs={"o0": INT}, gives={"o0": "n0.o0"}
    )
    middle = workflow(subnode("n0", "inner", x=literals.integer(1)), name="middle")
    graph = graph_of(
        workflow(subnode("n0", "inner", x=literals.integer(1)), subnode("n1", "middle")), middle, inner
    )
    inner_graph = graph.nodes["n0"].subgraph
    assert inner_graph is not None
    assert inner_graph.name == "inner"
    middle_graph = graph.nodes["n1"].subgraph
    assert middle_graph is not None
    assert middle_graph.nodes["n0"].subgraph is inner_graph


def test_a_branch_waits_for_what_its_arms_take_and_its_arms_wait_for_nothing() -> None:
    graph = graph_of(
        workflow(
            node("n0", "one"),
            node("n1", "one"),
            branch("n2", {"x": "n0.o0"}, condition("x"), node("n0", "inc", a="n1.o0"), node("n1", "one")),
            node("n3", "inc", a="n2.o0"),
        )
    )
    found = graph.nodes["n2"]
    assert (found.upstream, found.downstream) == (("n0", "n1"), ("n3",))
    assert found.branch is not None
    assert found.arms is not None
    assert list(found.arms.nodes) == ["n0", "n1"]
    assert {each.upstream for each in found.arms.nodes.values()} == {()}
    assert found.arms.roots == ("n0", "n1")
    assert found.arms.nodes["n0"].settings is not None


def test_a_task_without_settings_has_none() -> None:
    assert settings_of(task("t"), node("n0", "t")) == graphs.TaskSettings(task_type="python-task")


def test_the_settings_of_a_task_count() -> None:
    template = task("t")
    template.metadata.retries.retries = 3
    template.metadata.timeout.FromTimedelta(timedelta(seconds=90))
    template.config["queue_timeout"] = "2.5"
    template.container.resources.CopyFrom(cpu("1.5"))
    assert settings_of(template, node("n0", "t")) == graphs.TaskSettings(
        task_type="python-task",
        retries=3,
        timeout=timedelta(seconds=90),
        queue_timeout=timedelta(seconds=2.5),
        cpu_slots=2,
    )


def test_the_settings_of_a_node_are_taken_before_those_of_its_task() -> None:
    template, own = task("t"), node("n0", "t")
    template.metadata.retries.retries = 3
    template.metadata.timeout.FromTimedelta(timedelta(seconds=90))
    template.container.resources.CopyFrom(cpu("4"))
    own.metadata.retries.retries = 0
    own.metadata.timeout.FromTimedelta(timedelta(seconds=5))
    own.task_node.overrides.resources.CopyFrom(cpu("2"))
    assert settings_of(template, own) == graphs.TaskSettings(
        task_type="python-task", retries=0, timeout=timedelta(seconds=5), cpu_slots=2
    )


def test_a_time_out_of_zero_on_a_node_leaves_the_tasks_own() -> None:
    template, own = task("t"), node("n0", "t")
    template.metadata.timeout.FromTimedelta(timedelta(seconds=90))
    own.metadata.timeout.SetInParent()
    assert settings_of(template, own).timeout == timedelta(seconds=90)


@pytest.mark.parametrize(
    ("amount", "slots"), [("500m", 1), ("0", 1), ("1", 1), ("1.5", 2), ("2", 2), ("2001m", 3)]
)
def test_cpus_are_rounded_up_to_whole_slots(amount: str, slots: int) -> None:
    template = task("t")
    template.container.resources.CopyFrom(cpu(amount))
    assert settings_of(template, node("n0", "t")).cpu_slots == slots


def test_a_cpu_limit_alone_counts_as_a_request() -> None:
    template = task("t")
    template.container.resources.limits.add(name=Resources.CPU, value="3")
    assert settings_of(template, node("n0", "t")).cpu_slots == 3


def break_task(closure: CompiledWorkflowClosure) -> None:
    del closure.tasks[:]


def break_workflow(closure: CompiledWorkflowClosure) -> None:
    del closure.sub_workflows[:]


def break_upstream(closure: CompiledWorkflowClosure) -> None:
    closure.primary.template.nodes[1].upstream_node_ids.append("n9")


def break_kind(closure: CompiledWorkflowClosure) -> None:
    closure.primary.template.nodes[0].gate_node.SetInParent()


def break_order(closure: CompiledWorkflowClosure) -> None:
    closure.sub_workflows[0].template.nodes.append(subnode("n1", "inner"))


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (break_task, "the closure of workflow 'wf' lacks the task 'one' of node 'n0'"),
        (break_workflow, "the closure of workflow 'wf' lacks the workflow 'inner' of node 'n1'"),
        (break_upstream, "the closure of workflow 'wf' has no node 'n9', for which 'n1' waits"),
        (break_kind, "the closure of workflow 'wf' has node 'n0' of kind gate_node, which can't run"),
        (break_order, "the closure of workflow 'wf' has subworkflows that run themselves"),
    ],
)
def test_a_closure_that_does_not_hold_together_is_corrupt(
    damage: Callable[[CompiledWorkflowClosure], None], sentence: str
) -> None:
    inner = workflow(node("n0", "one"), name="inner")
    closure = compiler.compile(
        specimens.templates(workflow(node("n0", "one"), subnode("n1", "inner")), inner)
    )
    damage(closure)
    with pytest.raises(errors.CorruptStateError) as caught:
        compiler.index(closure)
    assert str(caught.value) == sentence


def test_ten_times_the_nodes_take_about_ten_times_as_long() -> None:
    def seconds(count: int) -> float:
        fan = [node(f"n{position}", "inc", a="n0.o0") for position in range(1, count)]
        total = node("total", "total", items=[f"{each.id}.o0" for each in fan])
        made = specimens.templates(workflow(node("n0", "one"), *fan, total))
        best = float("inf")
        for _ in range(3):
            started = time.perf_counter()
            compiler.index(compiler.compile(made))
            best = min(best, time.perf_counter() - started)
        return best

    assert seconds(3_000) < 40 * seconds(300)


def test_an_executor_gets_the_template_with_what_the_node_overrides() -> None:
    template, own, usual = task("t"), node("n0", "t"), node("n1", "t")
    template.container.image = "usual:1"
    template.container.resources.CopyFrom(cpu("1"))
    own.task_node.overrides.resources.CopyFrom(cpu("2"))
    own.task_node.overrides.container_image = "special:1"
    closure = compiler.compile(specimens.templates(workflow(own, usual), tasks=[template]))
    nodes = compiler.index(closure).nodes
    seen = [(one.task.container.image, one.task.container.resources) for one in nodes.values() if one.task]
    assert seen == [("special:1", cpu("2")), ("usual:1", cpu("1"))]


@pytest.mark.parametrize(
    ("overrides", "wanted"),
    [
        (TaskNodeOverrides(container_image="special:1"), {"image": "special:1"}),
        (
            TaskNodeOverrides(resources=cpu("2")),
            {"image": "usual:1", "resources": {"requests": {"cpu": "2"}}},
        ),
    ],
)
def test_overrides_of_a_pod_go_to_its_own_container_and_add_nothing_else(
    overrides: TaskNodeOverrides, wanted: dict[str, Any]
) -> None:
    template = TaskTemplate(k8s_pod=K8sPod(primary_container_name="main"))
    containers = [{"name": "main", "image": "usual:1"}, {"name": "side"}]
    template.k8s_pod.pod_spec.update({"containers": containers})
    made = indexing.overridden(template, overrides)
    assert literals.plain_of(made.k8s_pod.pod_spec) == {
        "containers": [{"name": "main", **wanted}, {"name": "side"}]
    }
