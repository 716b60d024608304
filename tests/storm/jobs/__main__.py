"""`python -m tests.storm.jobs --seed S --runs N`: runs of http-job against the real service, their engines killed."""

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from tests.storm.jobs import judges, rounds

PER_ROUND = 50


class Result(NamedTuple):
    """What came of a round."""

    seed: int
    run_count: int
    kill_count: int
    complaints: Sequence[str]
    story: Sequence[str]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.storm.jobs", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="seed of the first run")
    parser.add_argument("--runs", type=int, default=1000, help="how many runs, with seeds in a row")
    parser.add_argument("--per-round", type=int, default=PER_ROUND, help="runs of one home")
    parser.add_argument("--jobs", type=int, default=2, help="rounds at the same time")
    options = parser.parse_args()
    end = options.seed + options.runs
    firsts = range(options.seed, end, options.per_round)
    began = time.perf_counter()
    kills = failures = 0
    with ThreadPoolExecutor(options.jobs) as pool:
        for result in pool.map(lambda seed: carry_out(seed, min(options.per_round, end - seed)), firsts):
            kills += result.kill_count
            if result.complaints:
                failures += 1
                report(result)
    took = time.perf_counter() - began
    print(
        f"{options.runs} runs of http-job in {len(firsts)} rounds, {kills} kills, {failures} failed, in {took:.0f} s"
    )
    return 1 if failures else 0


def carry_out(seed: int, count: int) -> Result:
    """A round; its files are kept only if something is wrong."""
    directory = Path(tempfile.mkdtemp(prefix="elevon-storm-"))
    one = rounds.Round(rounds.plan_of(seed, count), directory)
    entries = one.carry_out()
    complaints = list(judges.complaints(one, entries))
    if complaints:
        one.story.append(f"files: {directory}")
    else:
        shutil.rmtree(directory)
    return Result(seed, count, one.kill_count, complaints, one.story)


def report(failed: Result) -> None:
    """Print what is wrong, and how it came."""
    print(f"round of the seeds from {failed.seed} on, with --per-round {failed.run_count}")
    for line in (*failed.story, *failed.complaints):
        print(f"  {line}")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
