"""A slice of the storm of task types: `make storm` does fifty rounds of each."""

import shutil
from collections.abc import Iterator, Mapping

import pytest

from tests.storm.tasktypes import __main__ as storm

OF_JAVA = ("spark",)
"""Subjects whose tasks start a JVM."""


@pytest.fixture(scope="module", params=storm.SUBJECTS)
def stormed(request: pytest.FixtureRequest) -> Iterator[tuple[storm.Subject, Mapping[str, str]]]:
    if request.param in OF_JAVA and shutil.which("java") is None:
        pytest.skip("there is no Java on this machine")
    subject = storm.subject_of(request.param)
    with subject.service() as environment:
        yield subject, environment


@pytest.mark.timeout(300)  # a round may start a JVM for each engine
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_task_whose_engine_is_killed_ends_as_if_it_were_not(
    stormed: tuple[storm.Subject, Mapping[str, str]], seed: int
) -> None:
    result = storm.carry_out(stormed[0], seed, stormed[1])
    assert not result.complaints, "\n".join((*result.story, *result.complaints))
