"""The promises in a binding: the outputs of other nodes that it waits for."""

from collections.abc import Iterator

from elevon.idl.messages import BindingData, OutputReference


def promises_of(binding: BindingData) -> Iterator[OutputReference]:
    """Every promise in the binding, in order; whoever changes one changes the binding."""
    match binding.WhichOneof("value"):
        case "promise":
            yield binding.promise
        case "collection":
            for item in binding.collection.bindings:
                yield from promises_of(item)
        case "map":
            for item in binding.map.bindings.values():
                yield from promises_of(item)
        case _:
            pass
