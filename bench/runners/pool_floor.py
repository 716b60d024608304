"""The floor: a process pool of two that calls the same functions, and nothing else.

Usage: python -m bench.runners.pool_floor
"""

import time
from concurrent.futures import ProcessPoolExecutor

from bench.runners import requests


def source() -> int:
    """The first task of every workload."""
    return 1


def increment(x: int) -> int:
    """The task in the middle."""
    return x + 1


def total(xs: list[int]) -> int:
    """The last task of a fan."""
    return sum(xs)


def run(pool: ProcessPoolExecutor, shape: str, count: int) -> int:
    """One workflow, by hand."""
    x = pool.submit(source).result()
    if shape == "fan":
        futures = [pool.submit(increment, x) for _ in range(count)]
        return pool.submit(total, [future.result() for future in futures]).result()
    for _ in range(count - 1):
        x = pool.submit(increment, x).result()
    return x


def main() -> None:
    """Answer requests until there are no more."""
    pipe = requests.answers()
    with ProcessPoolExecutor(2) as pool:
        while (asked := requests.read()) is not None:
            begun_at = time.perf_counter()
            values = [run(pool, asked["shape"], asked["count"]) for _ in range(asked["copies"])]
            requests.answer(pipe, seconds=time.perf_counter() - begun_at, values=values)


if __name__ == "__main__":
    main()
