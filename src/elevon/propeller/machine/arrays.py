"""The elements of a running array: how many there are, what each gets, when the next begins, what they make together.

Whatever an array costs in one step does not grow with its lists. They are kept once, in its scope, and an element's
inputs are picked from them when it is called. Elements are begun in order, and so few at a time that no queue holds
them all; an element that has not begun is nothing but a number. Only the end, which puts the outputs together, and a
restart, which reads the rows, look at all of them. It must never decide what the end of an element means: `nodes` does.
"""

import msgspec

from elevon import errors
from elevon.compiler.graphs import Array
from elevon.idl import literals
from elevon.idl.messages import Literal, LiteralMap
from elevon.propeller.machine import bindings
from elevon.propeller.machine.drafts import Draft, NodeIsReady
from elevon.propeller.machine.views import Elements, Place, Scope, View
from elevon.records.nodes import OUTPUTS_LIMIT_BYTES

_ITEMS = msgspec.msgpack.Decoder(list[msgspec.Raw])
QUEUE_LIMIT = 100
"""So many elements of one array wait for a place at once: more than ever become free in a moment."""


def elements_of(array: Array, inputs: LiteralMap) -> Elements:
    """The elements of an array that is about to begin, or was taken up again.

    Args:
        array: The array.
        inputs: What `lists_of` made.

    Raises:
        UserError: The lists differ in length, or more elements must succeed than there are.
    """
    lengths = {name: len(inputs.literals[name].collection.literals) for name in sorted(array.mapped)}
    count = next(iter(lengths.values()))
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name!r} has {length}" for name, length in lengths.items())
        raise errors.UserError(f"the lists that are mapped together differ in length: {told}")
    needed = array.needed(count)
    if needed > count > 0:
        raise errors.UserError(f"at least {needed} elements must succeed, and there are only {count}")
    return Elements(array=array, count=count, min_success_count=min(needed, count))


def lists_of(array: Array, inputs: LiteralMap) -> LiteralMap:
    """The same inputs, with what is mapped as lists of literals, whether it was optional or part of a struct.

    Raises:
        UserError: What is to be mapped is no list.
    """
    for name in array.mapped:
        literal = inputs.literals[name]
        kind = literals.kind_of(literal)
        if kind != "collection":
            literal.CopyFrom(_listed(name, literal))
    return inputs


def feed(draft: Draft, scope: Scope) -> None:
    """Begin the next elements, as far as the array's limit and its part of the queue allow."""
    elements = scope.elements
    if elements is None or scope.is_stopping:
        return
    limit = elements.array.limit or elements.count
    while (
        elements.begun_count < elements.count
        and len(scope.active) < limit
        and len(elements.queued) < QUEUE_LIMIT
    ):
        spec_node_id = str(elements.begun_count)
        elements.begun_count += 1
        if scope.node_id(spec_node_id) in draft.view.nodes:
            continue  # taken over, or begun before a restart
        scope.active.add(spec_node_id)
        elements.queued.add(spec_node_id)
        draft.cascades.append(NodeIsReady(scope, spec_node_id))


def inputs_of(view: View, place: Place) -> LiteralMap:
    """The inputs of a node, be it an element of an array or not.

    Raises:
        UserError: An output that is promised is not there, or has nothing at the attribute path.
    """
    scope = place.scope
    if scope.elements is None:
        return bindings.resolve(place.node.inputs, view.outputs_of(scope))
    return element_inputs(scope.elements.array, scope.inputs, int(place.node.id))


def element_inputs(array: Array, inputs: LiteralMap, index: int) -> LiteralMap:
    """What one element gets: its own item of each list, and the other inputs whole.

    Args:
        array: The array.
        inputs: What `lists_of` made, of which nothing but the element's own is copied.
        index: Of the element.
    """
    made = LiteralMap()
    for name, literal in inputs.literals.items():
        target = made.literals[name]
        if name not in array.mapped:
            target.CopyFrom(literal)
        elif array.is_wrapped:
            target.collection.literals.add().CopyFrom(literal.collection.literals[index])
        else:
            target.CopyFrom(literal.collection.literals[index])
    return made


def outputs_of(view: View, scope: Scope, elements: Elements) -> bytes:
    """Serialized outputs: a list for each output of the task, in the order of the elements, None for those that failed.

    Raises:
        UserError: An element succeeded without an output, or together they are more than a row may hold.
    """
    task = elements.array.element.task
    names = sorted(task.interface.outputs.variables) if task is not None else []
    made = LiteralMap()
    lists = {name: made.literals[name].collection for name in names}
    for collection in lists.values():
        collection.SetInParent()
    size = 0
    for index in range(elements.count if names else 0):
        record = view.nodes[scope.node_id(str(index))]
        size += len(record.outputs or b"")
        if size > OUTPUTS_LIMIT_BYTES:
            raise errors.UserError(
                f"its elements returned more than {OUTPUTS_LIMIT_BYTES} bytes, the limit for all outputs of a node: "
                "return large data as a File or Directory"
            )
        if record.outputs is None:
            for collection in lists.values():
                collection.literals.add().scalar.none_type.SetInParent()
            continue
        own = LiteralMap.FromString(record.outputs).literals
        for name, collection in lists.items():
            if name not in own:
                raise errors.UserError(f"node {record.node_id} has no output {name!r}")
            collection.literals.add().CopyFrom(own[name])
    return made.SerializeToString(deterministic=True)


def _listed(name: str, literal: Literal) -> Literal:
    while literals.kind_of(literal) == "union":
        literal = literal.scalar.union.value
    made = Literal()
    if literals.kind_of(literal) == "collection":
        made.CopyFrom(literal)
        return made
    try:
        if literals.kind_of(literal) == "binary" and literal.scalar.binary.tag == literals.MSGPACK_TAG:
            items = _ITEMS.decode(literal.scalar.binary.value)
            return literals.collection([literals.msgpack(bytes(item)) for item in items])
    except msgspec.MsgspecError:
        pass  # told below: it holds something else
    raise errors.UserError(f"the input {name!r} is to be mapped, and is no list")
