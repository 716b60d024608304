"""The text view tells all that a person wants to know of a closure."""

import textwrap
from datetime import timedelta

from elevon import compiler
from elevon.compiler import rendering
from elevon.idl import literals
from elevon.idl.messages import (
    BindingDataMap,
    CompiledWorkflowClosure,
    ConjunctionExpression,
    Resources,
    WorkflowMetadata,
)
from tests.unit.compiler import specimens
from tests.unit.compiler.specimens import INT, STR, bound, branch, condition, node, subnode, task, workflow


def shown(made: compiler.Templates) -> str:
    return rendering.render_text(compiler.compile(made))


def dedent(text: str) -> str:
    return textwrap.dedent(text).strip()


def test_workflows_nodes_and_bindings_are_shown() -> None:
    inner = workflow(
        node("n0", "inc", a=".x"), name="inner", inputs={"x": INT}, outputs={"o0": INT}, gives={"o0": "n0.o0"}
    )
    first = node("n0", "user", after=["n1"])
    first.metadata.retries.retries = 3
    first.metadata.timeout.FromTimedelta(timedelta(seconds=90))
    first.task_node.overrides.resources.requests.add(name=Resources.CPU, value="2")
    outer = workflow(
        first,
        subnode("n1", "inner", x=literals.integer(1)),
        node("n2", "greet", after=["n0"], name="n0.o0/tags/0"),
        inputs={"y": INT},
        outputs={"r": STR},
        gives={"r": "n2.o0"},
    )
    outer.metadata.on_failure = WorkflowMetadata.FAIL_AFTER_EXECUTABLE_NODES_COMPLETE
    text = shown(specimens.templates(outer, inner))
    assert text.startswith(
        dedent(
            """
            workflow wf
              input y: int
              output r: str
              on failure: run what can still run
              node n0: task user, after n1, retries 3, timeout 0:01:30, cpu 2
              node n1: workflow inner
                x = 1
              node n2: task greet
                name = n0.o0['tags'][0]
              returns r = n2.o0

            workflow inner
              input x: int
              output o0: int
              node n0: task inc
                a = x
              returns o0 = n0.o0

            task one
              output o0: int
              type: python-task

            task inc
            """
        )
    )


def test_branches_are_shown_with_their_conditions_and_arms() -> None:
    both = condition("x")
    both.conjunction.left_expression.CopyFrom(condition("x", "LT", 9))
    both.conjunction.right_expression.conjunction.left_expression.CopyFrom(condition("x", "EQ", 1))
    both.conjunction.right_expression.conjunction.right_expression.CopyFrom(condition("x", "NEQ", 2))
    both.conjunction.right_expression.conjunction.operator = ConjunctionExpression.OR
    choice = branch("n1", {"x": "n0.o0"}, both, node("n0", "inc", a="n0.o0"), None)
    choice.branch_node.if_else.error.message = "too large"
    text = shown(
        specimens.templates(workflow(node("n0", "one"), choice), tasks=[task("one"), task("inc", {"a": INT})])
    )
    assert text.startswith(
        dedent(
            """
            workflow wf
              node n0: task one
              node n1: branch
                if n0.o0 < 9 and (n0.o0 == 1 or n0.o0 != 2)
                  node n0: task inc
                    a = n0.o0
                else
                  fail: too large
            """
        )
    )


def test_tasks_are_shown_with_all_their_settings() -> None:
    nap = task("nap", {"a": INT}, task_type="sleep")
    nap.container.image = "img:1"
    nap.container.args.extend(["run", "--fast"])
    nap.container.resources.requests.add(name=Resources.CPU, value="500m")
    nap.container.resources.limits.add(name=Resources.MEMORY, value="1Gi")
    nap.container.env.add(key="A", value="b")
    nap.metadata.retries.retries = 2
    nap.metadata.timeout.FromTimedelta(timedelta(minutes=2))
    nap.config["queue_timeout"] = "10"
    nap.custom.update({"seconds": 3, "why": "ü"})
    assert shown(specimens.templates(workflow(), tasks=[nap])) == dedent(
        """
        workflow wf

        task nap
          input a: int
          output o0: int
          type: sleep
          image: img:1
          command: run --fast
          resources: cpu 500m, memory 1Gi at most
          retries: 2
          timeout: 0:02:00
          queue timeout: 0:00:10
          environment: A=b
          custom: {"seconds": 3, "why": "ü"}
        """
    )


def test_constants_are_shown_as_python_shows_them() -> None:
    values = {
        "a": literals.string("it's"),
        "b": literals.none(),
        "c": literals.duration(timedelta(minutes=1)),
        "d": literals.blob("s3://b/x"),
        "e": literals.msgpack(b"\x80"),
        "h": literals.msgpack(b"\xc1"),
        "f": [literals.boolean(True), literals.floating(0.5)],
        "g": specimens.BindingData(map=BindingDataMap(bindings={"k": bound(literals.integer(1))})),
    }
    closure = CompiledWorkflowClosure()
    closure.primary.template.CopyFrom(workflow(node("n0", "t", **values), name="w"))
    assert rendering.render_text(closure) == dedent(
        """
        workflow w
          node n0: task t
            a = "it's"
            b = None
            c = 60.0
            d = 's3://b/x'
            e = {}
            h = <1 bytes that are no msgpack>
            f = [True, 0.5]
            g = {'k': 1}
        """
    )


def test_settings_that_a_node_shares_with_its_task_are_not_repeated() -> None:
    calm, own = task("calm"), node("n0", "calm")
    for metadata in (calm.metadata, own.metadata):
        metadata.retries.retries = 2
        metadata.timeout.FromTimedelta(timedelta(seconds=5))
    assert "\n  node n0: task calm\n" in shown(specimens.templates(workflow(own), tasks=[calm]))
    own.metadata.retries.retries = 0
    assert "\n  node n0: task calm, retries 0\n" in shown(specimens.templates(workflow(own), tasks=[calm]))
