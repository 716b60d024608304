"""A slice of the storm of jobs: `make storm` does a hundred times as much."""

import pytest

from tests.storm.jobs import __main__ as storm


@pytest.mark.timeout(120)
@pytest.mark.parametrize("seed", [1, 6])
def test_runs_whose_engine_is_killed_make_each_job_once_and_leave_none_over(seed: int) -> None:
    result = storm.carry_out(seed, 5)
    assert not result.complaints, "\n".join((*result.story, *result.complaints))
