"""What the runs of a check have reached, and so what a report may not call checked."""

from collections import Counter
from collections.abc import Iterator

from elevon.plugin.executors import Executor
from elevon.testing.conformance.faults import ALLOCATE, CACHE, SERVICE, Action
from elevon.testing.conformance.stories import What
from elevon.testing.conformance.worlds import World
from elevon.testing.scenarios import Scenario


class Coverage:
    """Gathers it.

    Args:
        scenario: What is checked.
    """

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._reached: set[str] = set()
        executor = scenario.executor(scenario.service())
        self._has_finalizer = type(executor).finalize_task is not Executor[object, object].finalize_task

    def add(self, world: World) -> None:
        """Take in a world."""
        calls = Counter(
            (entry.name, entry.attempt) for entry in world.story.entries if entry.what is What.CALLED
        )
        for (name, _), count in calls.items():
            self._reached.add(name)
            if count > 1:
                self._reached.add(f"{name} again")
        for entry in world.story.entries:
            if entry.what is What.CALLED and entry.engine > 1:
                self._reached.add(f"{entry.name} of a later engine")
        if any(moment.startswith(SERVICE) for moment in world.faults.counts):
            self._reached.add("service")
        if world.faults.counts[CACHE]:
            self._reached.add("cache")
        made = {"creation": world.creations, "gift": world.given}
        self._reached.update(name for name, things in made.items() if things)
        if any(
            fault.action is Action.WITHHOLD and world.faults.counts[ALLOCATE] for fault in world.plan.faults
        ):
            self._reached.add("refusal")
        if any(fault.action is Action.STALL for fault in world.plan.faults):
            self._reached.add("stall")

    def gaps(self, module_problem: str) -> Iterator[tuple[str, str]]:
        """Each case that was not reached, with the reason."""
        yield from self._unreached_calls()
        yield from self._unreached_services()
        if not self._scenario.old_states:
            yield "states of earlier releases", "the scenario gives none: set old_states"
        if self._scenario.previous_executor(self._scenario.service()) is None:
            yield "a roll-back to the release before", "the scenario has none: define previous_executor()"
        if module_problem:
            yield "truth in module globals and cached functions", module_problem

    def _unreached_calls(self) -> Iterator[tuple[str, str]]:
        reached = self._reached
        if "check_task_status of a later engine" not in reached:
            yield "a restart of work under way", "no check came after a restart: the task ends in its start"
        if "kill_task" not in reached:
            yield "kill_task", "no run killed an attempt: none was under way when the abort came"
        elif "kill_task again" not in reached:
            yield "kill_task twice", "no run came to repeat a kill"
        if not self._has_finalizer:
            yield "finalize_task", "the executor does not define it"
        elif "finalize_task again" not in reached:
            yield "finalize_task twice", "no run came to repeat it"

    def _unreached_services(self) -> Iterator[tuple[str, str]]:
        reached = self._reached
        if "service" not in reached:
            yield (
                "a service that fails, hangs, repeats, forgets or loses answers",
                "the executor never called one: define service() in the scenario",
            )
        elif "creation" not in reached and "gift" in reached:
            yield (
                "effects that happen twice",
                "the executor made nothing: what it works with was there before it",
            )
        elif "creation" not in reached:
            yield (
                "effects that happen twice or are left over",
                "the service made nothing, or keeps no ledger: derive it from FakeService",
            )
        if "cache" not in reached:
            yield "a cache that evicts items, and whose refreshes fail", "the executor has no cache"
        if not self._scenario.pools:
            yield "a quota that is refused, then granted", "the scenario names no resource pool: set pools"
        elif "refusal" not in reached:
            yield (
                "a quota that is refused, then granted",
                "the executor never asked its pool, or no run refused it",
            )
