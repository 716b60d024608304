"""Writes what flytekit 1.16 makes of a workflow with what bites: nested branches, ids that repeat in arms, attributes.

Run by the Python of an environment with flytekit: make_flytekit_conditional.py > flytekit_conditional.json
"""

# flytekit lives in an environment of its own, and means more by a promise than its annotation says:
# pyright: reportMissingImports=false, reportAttributeAccessIssue=false, reportUnusedExpression=false
import json
from collections import OrderedDict
from dataclasses import dataclass

from flyteidl.core.compiler_pb2 import CompiledWorkflowClosure
from flytekit import conditional, task, workflow
from flytekit.configuration import ImageConfig, SerializationSettings
from flytekit.models.task import TaskSpec
from flytekit.tools.translator import get_serializable
from google.protobuf import json_format


@dataclass
class Pair:
    left: int
    rights: list[int]


@task(retries=2)
def same(a: int) -> int:
    return a


@task
def pair() -> Pair:
    return Pair(1, [2])


@workflow
def inner(x: int) -> int:
    return same(a=x)


@workflow
def outer(a: int, flag: bool = True) -> int:
    x = same(a=a).with_overrides(retries=0, name="hello")
    p = pair()
    first = (
        conditional("first")
        .if_((x > 3) & (flag.is_true()))
        .then(same(a=x))
        .elif_(x == a)
        .then(inner(x=p.rights[0]))
        .else_()
        .fail("no")
    )
    second = (
        conditional("second")
        .if_(p.left >= 3)
        .then(same(a=1))
        .elif_(a < 1)
        .then(conditional("nested").if_(a == 2).then(same(a=2)).else_().then(same(a=9)))
        .else_()
        .then(same(a=4))
    )
    last = same(a=second)
    same(a=first) >> last
    return last


def closure():
    made = CompiledWorkflowClosure()
    entities = OrderedDict()
    settings = SerializationSettings(ImageConfig.auto(img_name="image:1"), "p", "d", "v")
    spec = get_serializable(entities, settings, outer).to_flyte_idl()
    made.primary.template.CopyFrom(spec.template)
    for template in spec.sub_workflows:
        made.sub_workflows.add().template.CopyFrom(template)
    for entity in entities.values():
        if isinstance(entity, TaskSpec):
            made.tasks.add().template.CopyFrom(entity.template.to_flyte_idl())
    return made


if __name__ == "__main__":
    print(json.dumps(json_format.MessageToDict(closure()), sort_keys=True, indent=1))
