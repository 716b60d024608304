"""Many rounds of a storm: side by side, each in a directory of its own, with a word on every one that went wrong.

What a round does and what must hold after it is the matter of each storm; this module must never judge.
"""

import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, TypeVar

T = TypeVar("T")


class Result(NamedTuple):
    """What came of a round.

    Attributes:
        name: How to ask for it again.
        kill_count: How many processes were killed.
        complaints: What is wrong.
        story: What happened, in order.
    """

    name: str
    kill_count: int
    complaints: Sequence[str]
    story: Sequence[str]


def in_directory(carry_out: Callable[[Path], Result]) -> Result:
    """A round in an empty directory, which is kept only if something is wrong."""
    directory = Path(tempfile.mkdtemp(prefix="elevon-storm-"))
    try:
        result = carry_out(directory)
    except Exception as error:
        error.add_note(f"files: {directory}")
        raise
    if not result.complaints:
        shutil.rmtree(directory)
        return result
    return result._replace(story=[*result.story, f"files: {directory}"])


def storm(what: str, rounds: Iterable[T], carry_out: Callable[[T], Result], at_once: int) -> int:
    """Carry all rounds out, tell of those that failed, and sum up.

    Args:
        what: Is stormed.
        rounds: The rounds.
        carry_out: Carries one out, from a thread.
        at_once: How many at the same time.

    Returns:
        How many failed.
    """
    began = time.perf_counter()
    count = kills = failures = 0
    with ThreadPoolExecutor(at_once) as pool:
        for result in pool.map(carry_out, rounds):
            count += 1
            kills += result.kill_count
            if result.complaints:
                failures += 1
                _tell(result)
    took = time.perf_counter() - began
    print(f"{count} rounds of {what}, {kills} kills, {failures} failed, in {took:.0f} s", flush=True)
    return failures


def _tell(failed: Result) -> None:
    print(failed.name)
    for line in (*failed.story, *failed.complaints):
        print(f"  {line}")
    sys.stdout.flush()
