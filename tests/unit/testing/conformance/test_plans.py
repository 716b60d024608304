"""A seed stands for a plan: the same one always, and the early ones for one fault each."""

import pytest

from elevon.testing.conformance.faults import Action, Fault, Faults, Plan
from elevon.testing.conformance.plans import SINGLE_LIMIT, Base, Plans, actions_at, base_faults

CALM = {
    "begin": 1,
    "turn": 40,
    "commit": 3,
    "commit done": 3,
    "start_task": 1,
    "start_task done": 1,
    "check_task_status": 2,
    "check_task_status done": 2,
    "service.create": 1,
    "service.create done": 1,
}


@pytest.fixture
def plans() -> Plans:
    return Plans([Base(faults, CALM) for faults in base_faults(CALM)])


def test_the_first_plan_is_an_undisturbed_run(plans: Plans) -> None:
    assert plans.of_seed(1) == Plan()


def test_early_seeds_are_single_faults_of_undisturbed_and_aborted_runs(plans: Plans) -> None:
    singles = [plans.of_seed(seed) for seed in range(2, 40)]
    pairs = [plan for plan in singles if len(plan.faults) > 1]
    again = Plan((Fault("service.create done", 1, Action.KILL), Fault("service.create done", 2, Action.KILL)))
    assert all(plan.aborts for plan in pairs if plan != again)
    assert again in pairs
    assert len(set(singles)) == len(singles)


def test_every_kind_of_moment_is_among_the_single_faults(plans: Plans) -> None:
    moments = {fault.moment for seed in range(1, SINGLE_LIMIT) for fault in plans.of_seed(seed).faults}
    assert moments == CALM.keys()


def test_the_service_is_down_and_the_engine_killed_at_each_of_its_first_calls_and_the_last() -> None:
    calls = {"service.get": 9, "service.get done": 9}
    calm = CALM | calls
    plans = Plans([Base(faults, calm) for faults in base_faults(calm)])
    early = {fault for seed in range(1, SINGLE_LIMIT) for fault in plans.of_seed(seed).faults}
    for number in (1, 2, 3, 4, 9):
        assert Fault("service.get", number, Action.OUTAGE) in early
        assert Fault("service.get done", number, Action.KILL) in early


def test_a_seed_stands_for_the_same_plan_whenever_it_is_given(plans: Plans) -> None:
    again = Plans([Base(faults, CALM) for faults in base_faults(CALM)])
    seeds = [1, 50, SINGLE_LIMIT + 1, 999, 123_456]
    assert [plans.of_seed(seed) for seed in seeds] == [again.of_seed(seed) for seed in seeds]


def test_late_seeds_are_mixtures(plans: Plans) -> None:
    assert max(len(plans.of_seed(seed).faults) for seed in range(1000, 1100)) > 2


def test_states_of_earlier_releases_are_found_by_the_second_engine() -> None:
    plans = Plans([Base((), CALM)], old_versions=[1, 2])
    assert [plans.of_seed(seed).old_version for seed in (1, 2, 3, 4)] == [None, 1, 2, None]


def test_a_fault_strikes_once_at_its_moment() -> None:
    faults = Faults(Plan((Fault("commit", 2, Action.KILL),)))
    assert [faults.reach("commit") for _ in range(3)] == [None, Action.KILL, None]
    assert faults.reach("turn") is None
    assert faults.counts == {"commit": 3, "turn": 1}


@pytest.mark.parametrize("moment", CALM)
def test_something_can_go_wrong_at_every_moment(moment: str) -> None:
    assert actions_at(moment)
