"""Cycles in a graph of names, with their paths.

It exists because a person can only mend a cycle whose way round is shown. It must never know what the names stand for.
"""

from collections.abc import Iterable, Mapping


def find(upstream: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """The cycles in which the names wait for each other, in linear time.

    Args:
        upstream: For each name the names that it waits for; all of them keys.

    Returns:
        Paths in the direction of the data, the first name repeated at the end. Cycles do not share names; a cycle
        that shares names with one in the list may only show when that one is broken.
    """
    knotted = _knotted(upstream)
    position = {name: count for count, name in enumerate(upstream)}
    cycles: list[list[str]] = []
    seen: set[str] = set()
    for name in upstream:
        path: dict[str, None] = {}
        step: str | None = name if name in knotted else None
        while step is not None and step not in seen:
            seen.add(step)
            path[step] = None
            step = next((source for source in upstream[step] if source in knotted), None)
        if step is not None and step in path:
            around = list(path)
            cycle = around[around.index(step) :][::-1]
            start = cycle.index(min(cycle, key=position.__getitem__))
            cycles.append([*cycle[start:], *cycle[:start], cycle[start]])
    return cycles


def _knotted(upstream: Mapping[str, Iterable[str]]) -> set[str]:
    """The names that wait for a cycle or are on one: what is left when all that can run has run."""
    waiting = {name: len(set(sources)) for name, sources in upstream.items()}
    downstream: dict[str, list[str]] = {name: [] for name in upstream}
    for name, sources in upstream.items():
        for source in set(sources):
            downstream[source].append(name)
    ready = [name for name, count in waiting.items() if count == 0]
    while ready:
        done = ready.pop()
        del waiting[done]
        for name in downstream[done]:
            waiting[name] -= 1
            if waiting[name] == 0:
                ready.append(name)
    return set(waiting)
