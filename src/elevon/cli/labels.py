"""What the nodes of an execution are called while it runs, those too that only the run makes.

The closure names what stands in it. The elements of an array are named after it, and nodes of futures by their records.
"""

from elevon.admin.views import ExecutionView
from elevon.compiler.graphs import NodeKind
from elevon.records.nodes import NodeRecord

_MAP_OF = "map of "


class Labels:
    """The labels of one execution.

    Args:
        view: The execution as it is before it is followed.
    """

    def __init__(self, view: ExecutionView) -> None:
        self._labels = {node.id: node.label for node in view.walk() if node.label}
        self._of_elements = {
            node.id: node.label.removeprefix(_MAP_OF) for node in view.walk() if node.kind is NodeKind.ARRAY
        }

    def learn(self, record: NodeRecord) -> None:
        """Take in what the record of a node says that was not known before."""
        if record.node_id in self._labels or not record.name:
            return
        if record.element_count:
            self._of_elements[record.node_id] = record.name.removeprefix(_MAP_OF)
        label = "branch" if record.taken else record.name
        if label != record.spec_node_id:
            self._labels[record.node_id] = label

    def of(self, node_id: str) -> str:
        """What a node runs, for people; empty if its id says all."""
        return self._labels.get(node_id) or self._of_elements.get(node_id.rpartition("/")[0], "")
