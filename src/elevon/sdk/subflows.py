"""Cases of a branch that are more than one call, made workflows of their own.

It owns the capture of what such a case reads from the workflow around it. It must never be visible to the author.
"""

import dataclasses
from collections.abc import Mapping

from elevon.idl import messages
from elevon.sdk import bindings, graphs, interfaces, settings, tracing


class _Capture:
    """The promises of the outside that a case reads, as inputs of its own."""

    def __init__(self, scope: tracing.Scope) -> None:
        self._scope = scope
        self._inner = {node.id for node in graphs.nodes_of(graphs.Body(tuple(scope.nodes), ()))}
        self.inputs: dict[str, messages.Variable] = {}
        self.bound: dict[str, messages.BindingData] = {}

    def rename(self, origin: messages.OutputReference) -> messages.OutputReference:
        if origin.node_id in self._inner:
            return origin
        name = f"{origin.node_id}_{origin.var}" if origin.node_id else f"in_{origin.var}"
        if name not in self.inputs:
            self.inputs[name] = interfaces.variable(self._scope.variables[origin.node_id, origin.var])
            whole = messages.OutputReference(node_id=origin.node_id, var=origin.var)
            self.bound[name] = messages.BindingData(promise=whole)
        return messages.OutputReference(var=name, attr_path=origin.attr_path)

    def node(self, node: graphs.Node) -> graphs.Node:
        target = node.target
        if isinstance(target, graphs.Branch):
            cases = tuple(
                dataclasses.replace(case, node=None if case.node is None else self.node(case.node))
                for case in target.cases
            )
            target = dataclasses.replace(target, cases=cases)
        return dataclasses.replace(
            node,
            target=target,
            bindings=tuple(self.binding(binding) for binding in node.bindings),
            upstream=tuple(upstream for upstream in node.upstream if upstream in self._inner),
        )

    def binding(self, binding: messages.Binding) -> messages.Binding:
        return messages.Binding(var=binding.var, binding=bindings.renamed(binding.binding, self.rename))


def of_scope(
    scope: tracing.Scope,
    outputs: Mapping[str, messages.BindingData],
    parameters: Mapping[str, interfaces.Parameter],
) -> graphs.Node:
    """The node that runs what was recorded for a case.

    Args:
        scope: The recording.
        outputs: What the case yields.
        parameters: The types of that.
    """
    capture = _Capture(scope)
    nodes = tuple(capture.node(node) for node in scope.nodes)
    yielded = tuple(capture.binding(binding) for binding in tracing.as_bindings(outputs))
    node_id = scope.new_id()
    waits = [
        upstream
        for node in scope.nodes
        for upstream in node.upstream
        if upstream not in {n.id for n in nodes}
    ]
    flow = graphs.Subflow(
        name=f"{scope.site.full_name}.{node_id}",
        inputs=capture.inputs,
        outputs={name: interfaces.variable(parameter) for name, parameter in parameters.items()},
        body=graphs.Body(nodes, yielded),
    )
    return graphs.Node(
        id=node_id,
        name=node_id,
        target=flow,
        bindings=tracing.as_bindings(capture.bound),
        upstream=tuple(dict.fromkeys([*bindings.upstream_of(capture.bound), *waits])),
        settings=settings.NodeSettings(),
    )
