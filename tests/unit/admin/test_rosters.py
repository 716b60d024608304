"""Executors are found by id or task type, and a type is drained that somebody serves or may come to serve."""

from collections.abc import Sequence

import pytest

from elevon import errors
from elevon.admin.rosters import Roster
from elevon.plugin.discovery import Problem
from elevon.plugin.registry import Registration, Registry
from elevon.primitives.figures import EngineFigures
from elevon.tasktypes.echo.executor import EchoExecutor
from elevon.tasktypes.sleep.executor import SleepExecutor
from tests.unit.admin.specimens import World


class Source:
    """Two executors, and a package that is broken."""

    def __init__(self) -> None:
        problems = [Problem("ruins", "the entry point ruins can't be imported")]
        self.registry = Registry.of([EchoExecutor(), SleepExecutor()], problems=problems)

    def origin_of(self, registration: Registration) -> str:
        return f"the package of {registration.id}"

    def figures(self) -> Sequence[EngineFigures]:
        return ()


@pytest.fixture
def roster(world: World) -> Roster:
    return Roster(Source(), world.admin.drains)


async def test_all_are_listed_with_their_origin_and_what_is_broken(roster: Roster) -> None:
    found = await roster.list_executors()
    assert [one.description.id for one in found.executors] == ["echo", "sleep"]
    assert [one.origin for one in found.executors] == ["the package of echo", "the package of sleep"]
    assert found.problems == ("the entry point ruins can't be imported",)


async def test_one_is_shown_by_its_id_or_type_with_its_drains(roster: Roster) -> None:
    await roster.drain("sleep", "Ada", "upgrade")
    shown = await roster.show("sleep")
    assert (shown.entry.description.id, [one.reason for one in shown.drains]) == ("sleep", ["upgrade"])
    assert (await roster.show("echo")).drains == ()


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("slep", "did you mean 'sleep'?"), ("ruins", "'ruins' is not there: the entry point ruins can't be")],
)
async def test_what_is_not_there_is_answered_by_the_nearest_or_the_reason(
    roster: Roster, name: str, sentence: str
) -> None:
    with pytest.raises(errors.NotFoundError, match=sentence):
        await roster.show(name)


async def test_a_type_whose_package_is_broken_can_be_drained(world: World, roster: Roster) -> None:
    await roster.drain("ruins", "Ada", "it is being mended")
    with pytest.raises(errors.UserError, match="did you mean 'sleep'"):
        await roster.drain("slep", "Ada", "")
    found = await roster.list_executors()
    assert [one.task_type for one in found.stray_drains] == ["ruins"]
    await roster.resume("ruins")
    assert not await world.admin.drains.list_drains()
