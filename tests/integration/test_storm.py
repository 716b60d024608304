"""A slice of the storm: `make storm` does more of the same."""

import pytest

from tests.storm import __main__ as storm
from tests.storm import plans

# A kill of each kind, around what is hardest to get right.
FAILPOINTS = (
    "store.before_commit:5",
    "driver.after_start:3",
    "service.after_create:1",
    "launcher.after_end:2",
)


@pytest.fixture(scope="module")
def run_s() -> float:
    return storm.measure()


@pytest.mark.timeout(120)
@pytest.mark.parametrize("seed", range(1, 7))
def test_run_that_is_killed_at_any_moment_ends_as_if_it_were_not(seed: int, run_s: float) -> None:
    result = storm.carry_out(plans.of_seed(seed), run_s)
    assert not result.complaints, "\n".join((*result.story, *result.complaints))


@pytest.mark.timeout(120)
@pytest.mark.parametrize("failpoint", FAILPOINTS)
def test_run_that_is_killed_around_a_commit_or_a_call_ends_as_if_it_were_not(
    failpoint: str, run_s: float
) -> None:
    result = storm.carry_out(plans.Plan(failpoint, (plans.Strike(failpoint=failpoint),)), run_s)
    assert result.kill_count == 1
    assert not result.complaints, "\n".join((*result.story, *result.complaints))
