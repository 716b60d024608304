"""`python -m tests.storm --seed S --runs N [--failpoints]`: real engines, killed at any moment, resumed to the end."""

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from tests.storm import judges, plans, rounds


class Result(NamedTuple):
    """What came of a round."""

    plan: plans.Plan
    kill_count: int
    complaints: Sequence[str]
    story: Sequence[str]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.storm", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="seed of the first round")
    parser.add_argument("--runs", type=int, default=200, help="how many rounds, with seeds in a row")
    parser.add_argument("--failpoints", action="store_true", help="then a round for each failpoint and hit")
    parser.add_argument("--only", default="", help="of the failpoints those whose plan holds this text")
    parser.add_argument("--jobs", type=int, default=2, help="rounds at the same time")
    options = parser.parse_args()
    wanted = [plans.of_seed(seed) for seed in range(options.seed, options.seed + options.runs)]
    if options.failpoints:
        wanted += [plan for plan in plans.of_failpoints() if options.only in plan.name]
    began = time.perf_counter()
    run_s = measure()
    kills = failures = 0
    with ThreadPoolExecutor(options.jobs) as pool:
        for result in pool.map(lambda plan: carry_out(plan, run_s), wanted):
            kills += result.kill_count
            if result.complaints:
                failures += 1
                report(result)
    took = time.perf_counter() - began
    print(f"{len(wanted)} rounds, {kills} kills, {failures} failed, in {took:.0f} s")
    return 1 if failures else 0


def measure() -> float:
    """How long a run takes that nobody disturbs, in seconds."""
    began = time.perf_counter()
    carry_out(plans.Plan("undisturbed", ()), 0.0)
    return time.perf_counter() - began


def carry_out(plan: plans.Plan, run_s: float) -> Result:
    """A round; its files are kept only if something is wrong."""
    directory = Path(tempfile.mkdtemp(prefix="elevon-storm-"))
    one = rounds.Round(plan, directory, run_s)
    one.carry_out()
    complaints = list(judges.complaints(one))
    if complaints:
        one.story.append(f"files: {directory}")
    else:
        shutil.rmtree(directory)
    return Result(plan, len(one.kills), complaints, one.story)


def report(failed: Result) -> None:
    """Print what is wrong, and how it came."""
    print(f"{failed.plan.name}, kills: {', '.join(map(str, failed.plan.strikes))}")
    for line in (*failed.story, *failed.complaints):
        print(f"  {line}")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
