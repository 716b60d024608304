"""Parts of a whole are met as they are written, whatever they are in binary."""

import struct

import pytest

from elevon.primitives import ratios


@pytest.mark.parametrize("part", range(11))
@pytest.mark.parametrize("count", [1, 3, 7, 10, 11, 10_000])
def test_so_many_of_all_are_their_own_part(part: int, count: int) -> None:
    number = min(part, count)
    ratio = number / count
    assert ratios.least(ratio, count) == number
    assert ratios.least(struct.unpack("f", struct.pack("f", ratio))[0], count) == number


@pytest.mark.parametrize(
    ("ratio", "count", "number"),
    [
        (0.5, 3, 2),
        (0.666667, 3, 3),
        (0.34, 3, 2),
        (1e-9, 5, 1),
        (0.9, 10_000, 9_000),
        (1, 7, 7),
        (0, 7, 0),
        (0.5, 0, 0),
    ],
)
def test_a_part_that_is_no_whole_number_of_items_is_rounded_up(ratio: float, count: int, number: int) -> None:
    assert ratios.least(ratio, count) == number
