"""Writes what the real flytekit makes of a workflow; run by the Python of an environment with flytekit.

Usage: make_workflow_golden.py [FILE]; the default is the committed file. Each template is stored as base64 of its
deterministic bytes. `workflow_samples.py` is the same program for elevon.
"""

# flytekit lives in an environment of its own:
# pyright: reportMissingImports=false, reportAttributeAccessIssue=false, reportUnusedExpression=false
import base64
import functools
import json
import pathlib
import sys
from collections import OrderedDict
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from flytekit import (
    FlyteContextManager,
    LaunchPlan,
    Resources,
    WorkflowFailurePolicy,
    conditional,
    dynamic,
    map_task,
    reference_task,
    task,
    workflow,
)
from flytekit.configuration import Image, ImageConfig, SerializationSettings
from flytekit.tools.translator import get_serializable

GOLDEN = pathlib.Path(__file__).parent / "golden" / "workflows.json"


@dataclass
class Point:
    x: int
    ys: list[int]


class Parts(NamedTuple):
    whole: int
    text: str


@task
def point(x: int) -> Point:
    """Make a point.

    Args:
        x: Where it lies.
    """
    return Point(x, [x])


@task(
    retries=2,
    timeout=timedelta(seconds=5),
    interruptible=True,
    requests=Resources(cpu="1", mem="1Gi"),
    limits=Resources(cpu="2"),
    environment={"A": "b"},
)
def split(x: int) -> Parts:
    return Parts(x, "")


@task
def add(x: int, y: int = 1) -> int:
    return x + y


@task
def total(values: list[int], named: dict[str, int]) -> int:
    return sum(values) + sum(named.values())


@task
def announce(x: int) -> None: ...


@workflow
def inner(x: int) -> int:
    return add(x=x)


@workflow(failure_policy=WorkflowFailurePolicy.FAIL_AFTER_EXECUTABLE_NODES_COMPLETE)
def plain(x: int, y: int = 3, flag: bool = True) -> Parts:
    made = point(x=x)
    whole, text = split(x=made.ys[0])
    below = inner(x=whole)
    summed = total(values=[below, 1, x], named={"a": made.x, "b": 2})
    said = announce(x=summed).with_overrides(node_name="said", retries=4)
    last = add(x=2, y=y)
    said >> last
    return Parts(whole=last, text=text)


@dynamic
def unfolded(x: int, names: list[str]) -> int:
    below = inner(x=x)
    parts = [add(x=number, y=below) for number in range(x)]
    return total(values=[*parts, 7], named=dict.fromkeys(names, below))


@workflow
def chosen(x: int, flag: bool) -> int:
    made = add(x=x)
    return (
        conditional("choice")
        .if_(((x > 3) & (made != 4)) | (made <= x))
        .then(add(x=made))
        .elif_(flag.is_true())
        .then(add(x=1))
        .else_()
        .fail("neither")
    )


@reference_task(project="p", domain="d", name="make_workflow_golden.add", version="v")
def known(x: int, y: int) -> int: ...


@workflow
def mapped_as_it_is(xs: list[int]) -> list[int | None]:
    first = map_task(known, concurrency=3)(x=xs, y=xs)
    second = map_task(known, min_successes=2)(x=first, y=xs)
    return map_task(known, min_success_ratio=0.3, run_all_sub_nodes=True)(x=second, y=first)


@workflow
def mapped_as_lists(xs: list[int], y: int) -> list[int | None]:
    parts = map_task(add)(x=xs, y=xs)
    return map_task(functools.partial(add, y=y), concurrency=2, min_success_ratio=0.5)(x=parts)


def encoded(message):
    return base64.b64encode(message.SerializeToString(deterministic=True)).decode()


def golden():
    settings = SerializationSettings(
        project="p", domain="d", version="v", image_config=ImageConfig(Image("mine", "elevon", "py3.11"))
    )
    made, context = OrderedDict(), FlyteContextManager.current_context()
    found = {}
    for flow in (plain, chosen, mapped_as_it_is, mapped_as_lists):
        spec = get_serializable(made, settings, flow).to_flyte_idl()
        plan = get_serializable(
            made, settings, LaunchPlan.get_default_launch_plan(context, flow)
        ).to_flyte_idl()
        found[spec.template.id.name] = encoded(spec.template)
        found[f"{spec.template.id.name} parameters"] = encoded(plan.spec.default_inputs)
        found |= {sub.id.name: encoded(sub) for sub in spec.sub_workflows}
    with FlyteContextManager.with_context(context.with_serialization_settings(settings)) as running:
        futures = unfolded.compile_into_workflow(running, unfolded.task_function, x=2, names=["a"])
    spec = futures.to_flyte_idl()
    for node in spec.nodes:
        node.upstream_node_ids.sort()  # they come from a set
    found["unfolded futures"] = encoded(spec)
    for entity in made.values():
        if type(entity).__name__ == "TaskSpec":
            spec = entity.to_flyte_idl()
            found[spec.template.id.name] = encoded(spec.template)
    return found


if __name__ == "__main__":
    import make_workflow_golden  # flytekit names tasks by their module, which __main__ is not

    target = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else GOLDEN
    text = json.dumps(make_workflow_golden.golden(), indent=1, sort_keys=True)
    target.write_text(f"{text}\n", encoding="utf-8")
