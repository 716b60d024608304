"""A view shows every node of an execution, those too that have not started."""

from elevon.records.phases import ExecutionPhase, NodePhase
from tests.unit.admin import specimens
from tests.unit.admin.specimens import World


async def test_nodes_that_have_not_started_are_shown(world: World) -> None:
    execution = await world.create()
    await world.drive(execution, ExecutionPhase.RUNNING, n1=6)
    view = await world.admin.view(execution)
    assert [(node.id, node.record.phase if node.record else None) for node in view.nodes] == [
        ("n0", None),
        ("n1", NodePhase.SUCCEEDED),
        ("n2", None),
    ]
    assert view.nodes[0].name.endswith(".double")
    assert view.nodes[0].task_type == "python-task"


async def test_nodes_of_a_subworkflow_stand_below_its_node(world: World) -> None:
    view = await world.admin.view(await world.create(specimens.nested))
    assert [node.id for node in view.walk()] == ["n0", "n0/n0", "n0/n1", "n0/n2", "n1"]
    assert view.nodes[0].name.endswith(".both")


async def test_a_view_knows_the_types_of_inputs_and_outputs(world: World) -> None:
    view = await world.admin.view(await world.create())
    assert sorted(view.inputs) == ["x", "y"]
    assert sorted(view.outputs) == ["first", "second"]


async def test_futures_stand_below_their_node(world: World) -> None:
    execution = await world.create()
    node = await world.expand(execution, "n0", specimens.nested)
    await world.put(execution, node)
    view = await world.admin.view(execution)
    assert [node.id for node in view.walk()] == [
        *("n0", "n0/n0", "n0/n0/n0", "n0/n0/n1", "n0/n0/n2", "n0/n1"),
        *("n1", "n2"),
    ]
    assert view.nodes[0].children[1].name.endswith(".add")
