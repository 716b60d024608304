"""`python -m tests.storm.servers --seed S --runs N`: servers that are killed while clients start executions."""

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tests.storm.servers.rounds import Round


class Result(NamedTuple):
    """What came of a round."""

    seed: int
    kill_count: int
    complaints: Sequence[str]
    story: Sequence[str]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.storm.servers", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="seed of the first round")
    parser.add_argument("--runs", type=int, default=50, help="how many rounds, with seeds in a row")
    options = parser.parse_args()
    began = time.perf_counter()
    kills = failures = 0
    for seed in range(options.seed, options.seed + options.runs):
        result = carry_out(seed)
        kills += result.kill_count
        if result.complaints:
            failures += 1
            report(result)
    took = time.perf_counter() - began
    print(f"{options.runs} runs of servers, {kills} kills, {failures} failed, in {took:.0f} s")
    return 1 if failures else 0


def carry_out(seed: int) -> Result:
    """A round; its files are kept only if something is wrong."""
    directory = Path(tempfile.mkdtemp(prefix="elevon-storm-"))
    one = Round(seed, directory)
    one.carry_out()
    if one.complaints:
        one.story.append(f"files: {directory}")
    else:
        shutil.rmtree(directory)
    return Result(seed, one.kill_count, one.complaints, one.story)


def report(failed: Result) -> None:
    """Print what is wrong, and how it came."""
    print(f"servers, seed {failed.seed}")
    for line in (*failed.story, *failed.complaints):
        print(f"  {line}")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
