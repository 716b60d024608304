"""The programs that are measured: one text for elevon and flytekit, only the import differs.

It owns what each workload computes, and so the value by which a run is known to have done its work.
"""

from pathlib import Path
from typing import NamedTuple

_HEAD = """\
from {sdk} import dynamic, map_task, task, workflow


@task
def source() -> int:
    return 1


@task
def increment(x: int) -> int:
    return x + 1


@task
def spread(x: int, count: int) -> list[int]:
    return [x] * count


@task
def total(xs: list[int]) -> int:
    return sum(xs)


@dynamic
def unfold(x: int, count: int) -> int:
    return total(xs=[increment(x=x) for _ in range(count)])


@workflow
def main() -> int:
    x = source()
"""

_BODIES = {
    "fan": "    return total(xs=[increment(x=x) for _ in range({count})])\n",
    "unfold": "    return unfold(x=x, count={count})\n",
    "map": "    return total(xs=map_task(increment)(x=spread(x=x, count={count})))\n",
    "chain": "    for _ in range({count} - 1):\n        x = increment(x=x)\n    return x\n",
}

_HELLO = """\
from {sdk} import task, workflow


@task
def greet(name: str) -> str:
    return f"Hello, {{name}}!"


@workflow
def hello(name: str = "world") -> str:
    return greet(name=name)
"""


class Workload(NamedTuple):
    """What one measurement runs.

    Attributes:
        shape: `fan` (a source, that many tasks side by side, a sum), `unfold` (the same, but made by a dynamic task),
            `map` (the same, mapped over a list) or `chain` (that many tasks in a row).
        count: How many tasks, see `shape`.
        copies: How many workflows of it are submitted at once.
    """

    shape: str
    count: int
    copies: int = 1

    @property
    def node_count(self) -> int:
        """Tasks of one workflow."""
        return self.count + {"fan": 2, "unfold": 3, "map": 3, "chain": 0}[self.shape]

    @property
    def value(self) -> int:
        """What one workflow returns."""
        return self.count if self.shape == "chain" else 2 * self.count

    @property
    def module(self) -> str:
        """Name of its file without the ending."""
        return f"{self.shape}_{self.count}"

    def write(self, sdk: str, directory: Path) -> Path:
        """Write its program for one SDK."""
        text = _HEAD.format(sdk=sdk) + _BODIES[self.shape].format(count=self.count)
        return _write(directory / sdk / f"{self.module}.py", text)


def write_hello(sdk: str, directory: Path) -> Path:
    """Write the hello-world of one SDK."""
    return _write(directory / sdk / "hello.py", _HELLO.format(sdk=sdk))


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path
