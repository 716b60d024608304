"""Cycles in a graph of names, with their paths.

It exists because a person can only mend a cycle whose way round is shown. It must never know what the names stand for.
"""

from collections.abc import Iterator, Mapping, Sequence

Edges = Mapping[str, Sequence[str]]


def find(upstream: Edges) -> list[list[str]]:
    """One cycle of each knot of names that wait for each other, in linear time.

    Args:
        upstream: For each name the names that it waits for, all of them keys.

    Returns:
        Paths in the direction of the data, the first name repeated at the end.
    """
    position = {name: count for count, name in enumerate(upstream)}
    cycles: list[list[str]] = []
    for knot in _knots(upstream):
        path: dict[str, None] = {}
        step = min(knot, key=position.__getitem__)
        while step not in path:
            path[step] = None
            step = next(source for source in upstream[step] if source in knot)
        around = list(path)
        cycle = around[around.index(step) :][::-1]
        start = cycle.index(min(cycle, key=position.__getitem__))
        cycles.append([*cycle[start:], *cycle[:start], cycle[start]])
    return sorted(cycles, key=lambda cycle: position[cycle[0]])


def _knots(upstream: Edges) -> Iterator[set[str]]:
    """The strongly connected components that hold a cycle, by Kosaraju's two passes."""
    downstream: dict[str, list[str]] = {name: [] for name in upstream}
    for name, sources in upstream.items():
        for source in sources:
            downstream[source].append(name)
    seen: set[str] = set()
    finished = [name for start in upstream for name in _walk(start, upstream, seen)]
    seen.clear()
    for start in reversed(finished):
        knot = set(_walk(start, downstream, seen))
        if len(knot) > 1 or any(name in upstream[name] for name in knot):
            yield knot


def _walk(start: str, edges: Edges, seen: set[str]) -> Iterator[str]:
    """The unseen names within reach, each after those that are reached from it."""
    if start in seen:
        return
    seen.add(start)
    trail = [(start, iter(edges[start]))]
    while trail:
        name, following = trail[-1]
        step = next((each for each in following if each not in seen), None)
        if step is None:
            trail.pop()
            yield name
        else:
            seen.add(step)
            trail.append((step, iter(edges[step])))
