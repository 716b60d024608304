"""The check of the virtual gear: many runs of one scenario, and for each promise that breaks the shortest story.

It owns the search: which plans are run, which breach of a run counts, how far a plan can be shortened, and whether what
was lost was kept in memory.
"""

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from elevon import errors
from elevon.plugin.executors import Executor
from elevon.plugin.implementations import Implementation
from elevon.plugin.states import StateCodec
from elevon.primitives.figures import Figures
from elevon.propeller.measures import Measures
from elevon.testing.conformance import coverage, rounds
from elevon.testing.conformance.faults import Plan
from elevon.testing.conformance.findings import Finding, Outcome, Unchecked
from elevon.testing.conformance.memories import Survival
from elevon.testing.conformance.modules import Modules
from elevon.testing.conformance.plans import Base, Plans, base_faults
from elevon.testing.conformance.promises import Complaint, Promise
from elevon.testing.conformance.worlds import Setting, World
from elevon.testing.scenarios import Scenario, subject_of

_DIAGNOSES: Final = 12  # of one promise in one check; they cost runs, and find the same
_SLOW: Final = frozenset({Promise.BLOCKING})  # each run costs real time: once is enough
_DOUBTS: Final = 2
_LOST_WITH: Final = (
    (Survival.MODULES, "in its module, as a global, an attribute of the class or a cached function"),
    (Survival.OBJECT, "in the executor object"),
)
_LEFT_TO_CALM: Final = (
    "all that faults bring about",
    "nothing has to go wrong for a promise to break: mend that first",
)


class VirtualCheck:
    """The check of one scenario on virtual time.

    Args:
        scenario: What is checked.
        directory: For files; its contents are worthless afterwards.
    """

    def __init__(self, scenario: type[Scenario], directory: Path) -> None:
        made = scenario()
        self._modules = Modules(scenario)
        self._setting = Setting(
            scenario=made,
            modules=self._modules,
            subject=subject_of(made),
            directory=directory,
            measures=Measures(Figures()),
        )
        self._found: dict[Promise, tuple[Plan, Finding]] = {}
        self._diagnosed: dict[Promise, int] = {}
        self._reached = coverage.Coverage(made)

    def carry_out(self, seed: int, run_count: int) -> Outcome:
        """Run the plans of seeds in a row; none but the undisturbed one, if that is wrong already."""
        calm = self._judged(Plan())
        self._check_old_states(calm)
        if not self._is_sound(calm):
            self._look_at(1, Plan())
            return Outcome(self._findings, (Unchecked(*_LEFT_TO_CALM),), 1)
        plans = Plans(list(self._bases(calm)), sorted(self._setting.scenario.old_states))
        for number in range(seed, seed + run_count):
            self._look_at(number, plans.of_seed(number))
        gaps = self._reached.gaps(self._modules.problem)
        return Outcome(self._findings, tuple(Unchecked(*gap) for gap in gaps), run_count)

    @property
    def setting(self) -> Setting:
        """What all runs have in common."""
        return self._setting

    def learnt(self) -> tuple[Sequence[Base], float]:
        """Runs to which faults are added, and how long an undisturbed one takes, in seconds of its own time."""
        calm = self._judged(Plan())
        return list(self._bases(calm)), calm.clock.monotonic()

    @property
    def _findings(self) -> tuple[Finding, ...]:
        order = list(Promise)
        return tuple(
            sorted((each for _, each in self._found.values()), key=lambda each: order.index(each.promise))
        )

    def _is_sound(self, calm: World) -> bool:
        """Whether an undisturbed run is worth disturbing."""
        return not any(complaint.promise is Promise.RESULT for complaint in calm.story.complaints)

    def _bases(self, calm: World) -> Iterator[Base]:
        for faults in base_faults(calm.faults.counts):
            world = self._judged(Plan(faults)) if faults else calm
            yield Base(faults, dict(world.faults.counts))

    def _check_old_states(self, calm: World) -> None:
        """Every state that an earlier release wrote can be read, and the release before can read those of this one."""
        scenario = self._setting.scenario
        codec = _codec_of(scenario.executor(scenario.service()))
        for version, raw in scenario.old_states.items():
            try:
                codec.encode(codec.decode(msgspec.json.encode(raw), version))
            except errors.CorruptStateError as error:
                self._keep(Plan(), _unreadable(f"a state of version {version} can't be read: {error}"))
        previous = scenario.previous_executor(scenario.service())
        if previous is None:
            return
        older = _codec_of(previous)
        for version, raw in sorted(calm.states):
            try:
                if version <= older.version:  # a newer one waits there for this release
                    older.decode(raw, version)
            except errors.CorruptStateError as error:
                sentence = f"the release before can't read a state of version {version}: {error}; raise state_version"
                self._keep(Plan(), _unreadable(sentence))

    def _look_at(self, seed: int, plan: Plan) -> None:
        world = self._believed(plan)
        self._reached.add(world)
        complaint = world.story.first_complaint
        if complaint is None or complaint.promise in _SLOW & self._found.keys():
            return
        if self._diagnosed.get(complaint.promise, 0) >= _DIAGNOSES:
            return
        self._diagnosed[complaint.promise] = self._diagnosed.get(complaint.promise, 0) + 1
        shortest, world, complaint = self._shortened(plan, world, complaint)
        promise, sentence = self._diagnosis(shortest, complaint)
        finding = Finding(
            promise=promise,
            sentence=sentence,
            seed=seed,
            faults=tuple(str(fault) for fault in shortest.faults),
            story=world.story.lines_until(complaint.place),
        )
        self._keep(shortest, finding)

    def _keep(self, plan: Plan, finding: Finding) -> None:
        known = self._found.get(finding.promise)
        if known is None or len(plan.faults) < len(known[0].faults):
            self._found[finding.promise] = plan, finding

    def _judged(self, plan: Plan, survival: Survival = Survival.NOTHING) -> World:
        return rounds.carry_out(self._setting, plan, survival)

    def _believed(self, plan: Plan) -> World:
        """A run whose first breach can be believed: one that is a matter of real time has to come again."""
        world = self._judged(plan)
        for _ in range(_DOUBTS):
            first = world.story.first_complaint
            if first is None or first.promise is not Promise.BLOCKING or Promise.BLOCKING in self._found:
                break
            world = self._judged(plan)
        return world

    def _shortened(self, plan: Plan, world: World, complaint: Complaint) -> tuple[Plan, World, Complaint]:
        """The fewest faults that break the same promise first."""
        for count in range(len(plan.faults)):
            for faults in itertools.combinations(plan.faults, count):
                shorter = msgspec.structs.replace(plan, faults=faults, pause_s=0.0)
                shorter_world = self._believed(shorter)
                found = shorter_world.story.first_complaint
                if found is not None and found.promise is complaint.promise:
                    return shorter, shorter_world, found
        return plan, world, complaint

    def _diagnosis(self, plan: Plan, complaint: Complaint) -> tuple[Promise, str]:
        """What was broken really: the same run with a better memory tells whether truth was lost with the engine."""
        if plan.has_restart and complaint.promise is not Promise.BLOCKING:
            for survival, place in _LOST_WITH:
                if self._judged(plan, survival).story.first_complaint is None:
                    return Promise.SINGLETON, (
                        f"truth is kept {place}, where a restart loses it: {complaint.sentence}"
                    )
        return complaint.promise, complaint.sentence


def _codec_of(executor: Executor[Any, Any]) -> StateCodec[Any]:
    return Implementation.of(executor).codec


def _unreadable(sentence: str) -> Finding:
    return Finding(promise=Promise.STATE, sentence=sentence, seed=1, faults=(), story=())
