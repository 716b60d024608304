"""Places at executors, as the model of an engine gives them: first come, first served, by type."""

from tests.simulation.worlds import BrokenPromise


class Places:
    """Those of one engine's life."""

    def __init__(self, limits: dict[str, int]) -> None:
        self.limits = limits
        self.held: dict[str, str] = {}
        self.waiting: list[tuple[str, str]] = []

    def refuse(self, task_type: str) -> list[str]:
        """Send away whoever waits for a type, and say who."""
        refused = [node_id for node_id, wanted in self.waiting if wanted == task_type]
        self.waiting = [each for each in self.waiting if each[1] != task_type]
        return refused

    def admissible(self) -> list[str]:
        """Take places for whoever is next, and say who."""
        admitted: list[str] = []
        for node_id, task_type in list(self.waiting):
            taken = sum(1 for each in self.held.values() if each == task_type)
            if taken < self.limits[task_type]:
                self.waiting.remove((node_id, task_type))
                if node_id in self.held:
                    raise BrokenPromise(f"{node_id} gets a second place")
                self.held[node_id] = task_type
                admitted.append(node_id)
        return admitted
