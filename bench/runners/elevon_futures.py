"""From a futures file as it was stored to the graph that the engine runs, and back again after a restart.

It owns the compiling part of the workload `futures`: the nodes of a workflow, taken as what a task returned.

Usage: python -m bench.runners.elevon_futures
"""

import time

from bench.runners import requests
from elevon import compiler
from elevon.cli import programs
from elevon.idl.messages import DynamicJobSpec, TaskTemplate


def futures_of(path: str) -> tuple[bytes, TaskTemplate]:
    """The nodes of a program's workflow as a task returns them, serialized, and a task that could."""
    closure = programs.load(path, "main").prepare(None).closure
    template = closure.primary.template
    spec = DynamicJobSpec(
        nodes=template.nodes,
        min_successes=len(template.nodes),
        outputs=template.outputs,
        tasks=[each.template for each in closure.tasks],
    )
    task = TaskTemplate(id=template.id, interface=template.interface)
    return spec.SerializeToString(deterministic=True), task


def measure(content: bytes, task: TaskTemplate) -> float:
    """Seconds from the file to the graph, what is stored in between included."""
    begun_at = time.perf_counter()
    closure = compiler.compile_futures(DynamicJobSpec.FromString(content), task, {"python-task"})
    closure.SerializeToString(deterministic=True)
    compiler.index(closure)
    return time.perf_counter() - begun_at


def main() -> None:
    """Answer requests until there are no more."""
    pipe = requests.answers()
    prepared: dict[str, tuple[bytes, TaskTemplate]] = {}
    while (asked := requests.read()) is not None:
        path = asked["path"]
        if path not in prepared:
            prepared[path] = futures_of(path)
        requests.answer(pipe, seconds=measure(*prepared[path]))


if __name__ == "__main__":
    main()
