"""Array nodes: whether the task that runs for each element, and what the array says of it, hold together.

It reports, by the sense that `array_types` makes of an array. What is bound to one is checked as for any node.
"""

from elevon.compiler import array_types, settings
from elevon.compiler.problems import Code, Place, Report
from elevon.compiler.templates import Interface
from elevon.idl import literal_types
from elevon.idl.messages import Node
from elevon.primitives import suggestions


def check(node: Node, task: Interface, place: Place, report: Report) -> None:
    """Report what is wrong with an array, apart from what is bound to it."""
    array = node.array_node
    settings.check_node_settings(report, place, array.node)
    for name in array.bound_inputs:
        if name not in task.inputs:
            text = f"bound_inputs names {name!r}, which its task does not take: {suggestions.hint(name, task.inputs)}"
            report.add(Code.VARIABLE_NAME_NOT_FOUND, place, text)
    if not array_types.mapped_inputs(array, task.inputs):
        report.add(Code.INVALID_VALUE, place, "it maps no list: leave one input of its task unbound")
    if not array.is_original_sub_node_interface.value:
        for name, output in task.outputs.items():
            if not output.HasField("collection_type"):
                text = f"its task is declared with lists, but gives {literal_types.describe(output)} for {name!r}"
                report.add(Code.MISMATCHING_TYPES, place, text)
    if not 0 <= array.min_success_ratio <= 1:
        text = f"min_success_ratio is {array.min_success_ratio:g}: use a part from 0 to 1"
        report.add(Code.INVALID_VALUE, place, text)
    _check_element(node, place, report)


def _check_element(node: Node, place: Place, report: Report) -> None:
    """What the array says twice must be said alike, and what it says of itself must be its element's."""
    element = node.array_node.node
    ours, theirs = ({binding.var: binding.binding for binding in each.inputs} for each in (node, element))
    if theirs and ours != theirs:
        text = "the node that it runs is bound to something else than itself: bind both alike"
        report.add(Code.INVALID_VALUE, place, text)
    for name in ("retries", "timeout"):
        own = getattr(node.metadata, name)
        if own.ByteSize() and own != getattr(element.metadata, name):
            text = f"an array has no {name} of its own: set it for the node that it runs"
            report.add(Code.UNSUPPORTED, place, text)
