"""A sentence about an unknown name ends with the name that was meant, or with those that there are."""

import pytest

from elevon.primitives import suggestions


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
    assert suggestions.hint("cuont", known) == ending


def test_an_endless_choice_is_not_searched_to_its_end() -> None:
    names = (f"node-{position}" for position in range(10**9))
    assert suggestions.hint("cuont", names).endswith(", ...")
    assert next(names) == "node-200"
