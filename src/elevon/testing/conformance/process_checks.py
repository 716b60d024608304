"""The check of the gear that kills real processes; what it sees is explained by what the virtual gear sees or not."""

import itertools
from pathlib import Path
from time import monotonic
from typing import Final

from elevon.testing.conformance import kills, lessons, paces
from elevon.testing.conformance.faults import Plan
from elevon.testing.conformance.findings import Finding, Outcome, Unchecked
from elevon.testing.conformance.plans import Plans
from elevon.testing.conformance.promises import Complaint, Promise
from elevon.testing.conformance.virtual_checks import VirtualCheck
from elevon.testing.conformance.worlds import World
from elevon.testing.scenarios import Scenario

_OPINION_RUNS: Final = 80
_LEFT_TO_VIRTUAL: Final = (
    "phases, blocked loops, quotas, stalled engines and old states",
    "real processes are about what is lost with them: the gear virtual checks these",
)


class ProcessCheck:
    """The check of one scenario with real processes.

    Args:
        scenario: What is checked; it can be imported by its name.
        directory: For files.
    """

    def __init__(self, scenario: type[Scenario], directory: Path) -> None:
        self._virtual = VirtualCheck(scenario, directory / "virtual")
        self._reference = f"{scenario.__module__}:{scenario.__qualname__}"
        self._directory = directory
        self._runs = itertools.count(1)
        self._opinions: dict[Promise, str] | None = None

    def carry_out(self, seed: int, run_count: int) -> Outcome:
        """Run the plans of seeds in a row."""
        found: dict[Promise, Finding] = {}
        # Before anything of the author's runs in this process: what that leaves behind, a new process must not have.
        with kills.Forkery() as forkery:
            lesson = lessons.learn(self._reference)
            plans = Plans(lesson.bases)
            for number in range(seed, seed + run_count):
                plan = kills.translated(plans.of_seed(number))
                world = self._carried_out(plan, paces.pace_of(lesson.duration_s), forkery)
                complaint = world.story.first_complaint
                if complaint is not None:
                    finding = self._finding(number, plan, world, complaint)
                    known = found.setdefault(finding.promise, finding)
                    if len(finding.faults) < len(known.faults):
                        found[finding.promise] = finding
        order = list(Promise)
        findings = sorted(found.values(), key=lambda each: order.index(each.promise))
        return Outcome(tuple(findings), (Unchecked(*_LEFT_TO_VIRTUAL),), run_count)

    def _carried_out(self, plan: Plan, pace: float, forkery: kills.Forkery) -> World:
        directory = self._directory / str(next(self._runs))
        directory.mkdir(parents=True)
        clock = paces.PacedClock(pace, monotonic())
        return kills.RealRun(self._virtual.setting, plan, clock, directory).carry_out(
            self._reference, forkery
        )

    def _finding(self, seed: int, plan: Plan, world: World, complaint: Complaint) -> Finding:
        promise, sentence = self._diagnosis(plan, complaint)
        return Finding(
            promise=promise,
            sentence=sentence,
            seed=seed,
            faults=tuple(str(fault) for fault in plan.faults),
            story=world.story.lines_until(complaint.place),
        )

    def _diagnosis(self, plan: Plan, complaint: Complaint) -> tuple[Promise, str]:
        """What a breach means: what the other gear does not see at all was lost with the process."""
        if not plan.has_restart:
            return complaint.promise, complaint.sentence
        if self._opinions is None:
            opinion = self._virtual.carry_out(1, _OPINION_RUNS)
            self._opinions = {finding.promise: finding.sentence for finding in opinion.findings}
        if complaint.promise in self._opinions:
            return complaint.promise, complaint.sentence
        if Promise.SINGLETON in self._opinions:
            return Promise.SINGLETON, self._opinions[Promise.SINGLETON]
        return Promise.SINGLETON, (
            "truth is kept in the process, outside of the executor's modules, where a restart loses it: "
            f"{complaint.sentence}"
        )
