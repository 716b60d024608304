"""flytekit's local call, in-process and not durable: the workflow called as a function.

Usage: python -m bench.runners.flytekit_local, by a Python that has flytekit
"""

import importlib
import sys
import time
from collections.abc import Callable
from pathlib import Path

from bench.runners import requests


def main() -> None:
    """Answer requests until there are no more."""
    pipe = requests.answers()
    loaded: dict[str, Callable[[], int]] = {}
    while (asked := requests.read()) is not None:
        path = asked["path"]
        if path not in loaded:
            sys.path.insert(0, str(Path(path).parent))
            loaded[path] = importlib.import_module(Path(path).stem).main
        begun_at = time.perf_counter()
        values = [loaded[path]() for _ in range(asked["copies"])]
        requests.answer(pipe, seconds=time.perf_counter() - begun_at, values=values)


if __name__ == "__main__":
    main()
