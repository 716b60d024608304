"""A problem says where it is, from the outside in."""

from elevon.compiler import problems


def test_a_place_is_spelled_from_the_outside_in() -> None:
    place = problems.Place(workflow="wf", node="n0")
    assert str(place.at("a")) == "workflow 'wf', node 'n0', input 'a'"
    assert str(place.at("a", is_output=True)) == "workflow 'wf', node 'n0', output 'a'"
    assert str(problems.Place(task="t")) == "task 't'"
