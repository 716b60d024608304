"""What a server tells of at once is told in the order in which it happened."""

from datetime import UTC, datetime, timedelta

from elevon.cli import watches
from elevon.records.nodes import NodeRecord
from elevon.records.phases import NodePhase

BEGUN = datetime(2026, 1, 1, tzinfo=UTC)


def node(node_id: str, started_s: int, ended_s: int | None = None) -> NodeRecord:
    return NodeRecord(
        node_id=node_id,
        spec_node_id=node_id.rpartition("/")[2],
        phase=NodePhase.RUNNING if ended_s is None else NodePhase.SUCCEEDED,
        started_at=BEGUN + timedelta(seconds=started_s),
        ended_at=None if ended_s is None else BEGUN + timedelta(seconds=ended_s),
    )


def test_an_array_begins_before_its_elements_end_and_ends_after_them() -> None:
    nodes = [
        node("n1/1", 2),
        node("n1/0", 2, 3),
        node("n1", 2),
        node("n0", 0, 2),
        node("n0/0", 1, 2),
    ]
    assert [one.node_id for one in watches.in_turn(nodes)] == ["n0/0", "n0", "n1", "n1/1", "n1/0"]
