"""A slice of the storm of servers: `make storm` does more of the same."""

import pytest

from tests.storm.servers import __main__ as storm


@pytest.mark.timeout(180)  # five servers, one after another, and forty requests that wait
def test_servers_that_are_killed_at_any_moment_lose_and_double_nothing() -> None:
    result = storm.carry_out(1)
    assert not result.complaints, "\n".join((*result.story, *result.complaints))
