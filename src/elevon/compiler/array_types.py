"""Array nodes: a task that runs once for each element of lists that are known only when the workflow runs.

It owns what an array takes and gives, by its task and by the two ways in which the wire spells it: the task as it is
(`is_original_sub_node_interface`), or, as flytekit's `map_task` writes it, a task of its own that is declared with the
lists. `execution_mode` and `data_mode` say how Flyte keeps an array, and mean nothing here. It must never look at
values: how long the lists are is the machine's business.
"""

from elevon.compiler.templates import Interface, Types
from elevon.idl import literal_types, literals, pods
from elevon.idl.messages import ArrayNode, KeyValuePair, LiteralType, SimpleType, TaskTemplate

_FIRST = {"BATCH_JOB_ARRAY_INDEX_VAR_NAME": "FLYTE_K8S_ARRAY_INDEX", "FLYTE_K8S_ARRAY_INDEX": "0"}


def interface_of(array: ArrayNode, task: Interface) -> Interface:
    """What an array of a task takes and gives."""
    if not array.is_original_sub_node_interface.value:
        return task
    mapped = mapped_inputs(array, task.inputs)
    may_lack = array.WhichOneof("success_criteria") == "min_successes" or min_success_ratio_of(array) < 1
    return Interface(
        inputs={
            name: literal_types.collection_of(each) if name in mapped else each
            for name, each in task.inputs.items()
        },
        outputs={
            name: literal_types.collection_of(_or_none(each) if may_lack else each)
            for name, each in task.outputs.items()
        },
    )


def mapped_inputs(array: ArrayNode, inputs: Types) -> frozenset[str]:
    """Names of the inputs of which each element gets its own.

    Args:
        array: The array.
        inputs: Of its task. One that is declared with the lists says by its types which they are: older versions of
            flytekit say it in no other way.
    """
    names = inputs.keys() - set(array.bound_inputs)
    if not array.is_original_sub_node_interface.value:
        names = {name for name in names if inputs[name].HasField("collection_type")}
    return frozenset(names)


def min_success_ratio_of(array: ArrayNode) -> float:
    """Which part of the elements must succeed, where no number is said."""
    return array.min_success_ratio if array.WhichOneof("success_criteria") == "min_success_ratio" else 1


def as_element(task: TaskTemplate) -> TaskTemplate:
    """A task that is declared with the lists, as its executor gets it for one element: told that it is the first.

    flytekit's `pyflyte-map-execute` reads whole lists and takes what stands at the index that its environment tells.
    Here it is given lists of one, so that no element costs more than its own item, and the index is always 0.
    """
    made = TaskTemplate()
    made.CopyFrom(task)
    if made.HasField("container"):
        made.container.env.extend(KeyValuePair(key=name, value=value) for name, value in _FIRST.items())
    if made.HasField("k8s_pod"):
        variables = [{"name": name, "value": value} for name, value in _FIRST.items()]
        primary = pods.primary_container_of(made)
        spec = literals.plain_of(made.k8s_pod.pod_spec)
        for container in spec.get("containers", ()):
            if container.get("name") == primary:
                container["env"] = [*container.get("env", ()), *variables]
        made.k8s_pod.pod_spec.Clear()
        made.k8s_pod.pod_spec.update(spec)
    return made


def _or_none(literal_type: LiteralType) -> LiteralType:
    none = literal_types.tagged(literal_types.simple(SimpleType.NONE), "none")
    if literal_type.HasField("union_type"):
        return literal_types.union_of([*literal_type.union_type.variants, none])
    return literal_types.union_of([literal_type, none])
