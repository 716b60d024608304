"""A slice of the storm of waits: `make storm` does fifty rounds."""

import pytest

from tests.storm.waits import __main__ as storm


@pytest.mark.timeout(120)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_waits_whose_engines_are_killed_are_followed_to_their_end_and_begun_once(seed: int) -> None:
    result = storm.carry_out(seed)
    assert not result.complaints, "\n".join((*result.story, *result.complaints))
