"""What a task asks for and does not get where tasks run as processes of one machine.

A setting that has no effect is never passed over in silence: whoever starts an execution says these sentences first.
"""

from collections.abc import Iterator

from elevon.compiler.graphs import Graph, GraphNode
from elevon.idl.messages import Resources, TaskTemplate
from elevon.sdk.settings import DEFAULT_IMAGE

_UNKNOWN_RESOURCES = {
    Resources.GPU: "gpu",
    Resources.STORAGE: "storage",
    Resources.EPHEMERAL_STORAGE: "ephemeral_storage",
}


def warnings_of(graph: Graph) -> list[str]:
    """One sentence for each task that asks for what it does not get, each task once.

    Args:
        graph: A workflow, with its subworkflows, branches and arrays.
    """
    return list(dict.fromkeys(_sentences(graph)))


def _sentences(graph: Graph) -> Iterator[str]:
    for node in graph.nodes.values():
        if node.task is not None:
            names = ", ".join(_settings(node, node.task))
            if names:
                yield (
                    f"task {node.task.id.name}: {names} has no effect, because tasks run as processes of this machine"
                )
        if node.inner is not None:
            yield from _sentences(node.inner)


def _settings(node: GraphNode, task: TaskTemplate) -> Iterator[str]:
    """The settings without effect, spelled as in the SDK."""
    if task.metadata.interruptible or node.message.metadata.interruptible:
        yield "interruptible"
    if not task.HasField("container"):
        return
    image = task.container.image
    if image not in ("", DEFAULT_IMAGE):  # who names none gets the default, whatever runs in it
        yield f"the image {image}"
    asked = (*task.container.resources.requests, *task.container.resources.limits)
    yield from dict.fromkeys(
        _UNKNOWN_RESOURCES[entry.name] for entry in asked if entry.name in _UNKNOWN_RESOURCES
    )
