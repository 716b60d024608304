"""What a check tells: the shortest story, the same one for a seed, and what it could not reach."""

import json
import re
from pathlib import Path

import pytest

from elevon.cli import main
from elevon.plugin import TaskStatus
from elevon.testing import Promise, check
from elevon.testing.conformance import reports
from elevon.testing.shipped.echo import EchoScenario
from elevon.testing.shipped.sleep import SleepScenario
from tests.corpus.right import Context, Job, JobScenario, StagingScenario, Status
from tests.corpus.wrong_effects import CheckStartsTwice
from tests.corpus.wrong_memories import CheckRemembersInACache, CheckRemembersInTheObject
from tests.corpus.wrong_states import CheckForgotToMigrate


class NeverEnds(Job):
    """Looks on, whatever the service says."""

    async def check_task_status(self, ctx: Context) -> Status:
        await super().check_task_status(ctx)
        return TaskStatus.running(ctx.state)


def test_a_story_names_the_fewest_faults_and_ends_where_the_promise_breaks() -> None:
    (finding,) = check(CheckStartsTwice, runs=60).findings
    assert finding.faults == ("kill -9 of the engine after service.create 1",)
    told = [re.sub(r"^ *[\d.]+ s  ", "", line) for line in finding.story]
    assert told[0] == "engine 1: the engine begins"
    assert "engine 1: the engine is killed (kill -9)" in told
    assert "engine 2: start_task called, and an earlier start may have happened" in told
    assert told[-1].endswith("-> job-2")


def test_the_seed_of_a_finding_shows_it_again_with_the_same_story() -> None:
    (finding,) = check(CheckStartsTwice, runs=60).findings
    (again,) = check(CheckStartsTwice, seed=finding.seed, runs=1).findings
    assert again == finding


def test_what_keeps_truth_in_memory_is_told_where() -> None:
    (in_object,) = check(CheckRemembersInTheObject, runs=40).findings
    assert "truth is kept in the executor object, where a restart loses it" in in_object.sentence
    (in_cache,) = check(CheckRemembersInACache, runs=40).findings
    assert "in its module, as a global, an attribute of the class or a cached function" in in_cache.sentence


def test_what_was_not_reached_is_told_with_the_reason() -> None:
    told = {gap.what: gap.why for gap in check(EchoScenario, runs=100).unchecked}
    assert told["a restart of work under way"].endswith("the task ends in its start")
    assert told["finalize_task"] == "the executor does not define it"
    assert told["states of earlier releases"] == "the scenario gives none: set old_states"
    assert "a service that fails, hangs, repeats, forgets or loses answers" in told


def test_what_was_reached_is_not_told() -> None:
    told = {gap.what for gap in check(StagingScenario, runs=200).unchecked}
    assert told == {
        "a cache that evicts items, and whose refreshes fail",
        "a quota that is refused, then granted",
        "a roll-back to the release before",
        "states of earlier releases",
    }


def test_a_scenario_that_can_not_be_imported_by_name_leaves_module_globals_unchecked() -> None:
    class Local(JobScenario):
        pass

    told = {gap.what: gap.why for gap in check(Local, runs=3).unchecked}
    assert "can't be imported by its name" in told["truth in module globals and cached functions"]


def test_a_scenario_that_never_comes_to_its_end_is_told_without_any_fault() -> None:
    class Impatient(SleepScenario):
        ends_as = JobScenario.ends_as
        outputs = {"o0": "never"}  # noqa: RUF012 - of one test

    (finding,) = check(Impatient, runs=50).findings
    assert (finding.promise, finding.faults, finding.seed) == (Promise.RESULT, (), 1)
    assert "the outputs are {} instead of {'o0': 'never'}" in finding.sentence


def test_a_state_of_an_earlier_release_that_can_not_be_read_is_told_once() -> None:
    (finding,) = check(CheckForgotToMigrate, runs=3).findings
    assert "a state of version 1 can't be read" in finding.sentence


def test_what_comes_over_and_over_again_is_told_once() -> None:
    class Lost(JobScenario):
        outputs = None
        made = NeverEnds

    (finding,) = check(Lost, runs=1).findings
    assert len(finding.story) < 20
    told = [line for line in finding.story if "times more, until" in line]
    assert len(told) == 1
    assert "these 3 lines" in told[0]


def test_where_nothing_has_to_go_wrong_nothing_else_is_run_and_that_is_said() -> None:
    class Lost(JobScenario):
        made = NeverEnds

    report = check(Lost, runs=100)
    assert report.run_count == 1
    assert [gap.what for gap in report.unchecked] == ["all that faults bring about"]


def test_the_document_of_a_report_is_json() -> None:
    document = json.loads(json.dumps(reports.document(check(CheckStartsTwice, runs=30))))
    assert document["runs"] == 30
    assert [(found["promise"], found["name"]) for found in document["broken"]] == [(3, "start_task")]
    assert document["broken"][0]["command"].endswith("--seed 16 --runs 1")


def test_the_command_ends_with_1_for_a_broken_promise_and_with_0_for_none(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])
    wrong = ["plugin", "check", "tests.corpus.wrong_effects:CheckStartsTwice", "--seed", "16", "--runs", "1"]
    assert main.main(wrong) == 1
    assert "BROKEN  promise 3 (start_task)" in capsys.readouterr().out
    right = ["plugin", "check", "tests.corpus.right:JobScenario", "--runs", "3", "--output", "json"]
    assert main.main(right) == 0
    assert json.loads(capsys.readouterr().out)["reports"][0]["broken"] == []


@pytest.mark.parametrize(
    ("reference", "sentence"),
    [
        ("nowhere", "'nowhere' names no scenario: write MODULE:CLASS"),
        ("tests.corpus.nowhere:Job", "importing tests.corpus.nowhere raised ModuleNotFoundError"),
        ("tests.corpus.right:Job", "tests.corpus.right has no scenario Job: derive a class from"),
    ],
)
def test_what_names_no_scenario_is_one_sentence(
    reference: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main(["plugin", "check", reference]) == 2
    assert sentence in capsys.readouterr().err
