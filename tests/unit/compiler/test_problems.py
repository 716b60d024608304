"""A sentence about an unknown name ends with the name that was meant, or with those that there are."""

import pytest

from elevon.compiler import problems


@pytest.mark.parametrize(
    ("known", "ending"),
    [
        ([], "there are none"),
        (["zebra"], "there is 'zebra'"),
        (["zebra", "yak"], "there are 'yak', 'zebra'"),
        (["zebra", "count"], "did you mean 'count'?"),
        (list("abcdefghijklmn"), "there are 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', ..."),
    ],
)
def test_the_nearest_name_or_all_of_them(known: list[str], ending: str) -> None:
    assert problems.suggestion("cuont", known) == ending


def test_an_endless_choice_is_not_searched_to_its_end() -> None:
    names = (f"node-{position}" for position in range(10**9))
    assert problems.suggestion("cuont", names).endswith(", ...")
    assert next(names) == "node-200"


def test_a_place_is_spelled_from_the_outside_in() -> None:
    place = problems.Place(workflow="wf", node="n0")
    assert str(place.at("a")) == "workflow 'wf', node 'n0', input 'a'"
    assert str(place.at("a", is_output=True)) == "workflow 'wf', node 'n0', output 'a'"
    assert str(problems.Place(task="t")) == "task 't'"
