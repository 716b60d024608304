"""`python -m tests.storm.jobs --seed S --runs N`: runs of http-job against the real service, their engines killed."""

import argparse
import sys
from functools import partial
from pathlib import Path

from tests.storm import campaigns
from tests.storm.campaigns import Result
from tests.storm.jobs import judges, rounds

PER_ROUND = 50


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.storm.jobs", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="seed of the first run")
    parser.add_argument("--runs", type=int, default=1000, help="how many runs, with seeds in a row")
    parser.add_argument("--per-round", type=int, default=PER_ROUND, help="runs of one home")
    parser.add_argument("--jobs", type=int, default=2, help="rounds at the same time")
    options = parser.parse_args()
    end = options.seed + options.runs
    firsts = range(options.seed, end, options.per_round)
    failures = campaigns.storm(
        f"{options.runs} http-jobs",
        firsts,
        lambda seed: carry_out(seed, min(options.per_round, end - seed)),
        options.jobs,
    )
    return 1 if failures else 0


def carry_out(seed: int, count: int) -> Result:
    """A round of the runs with so many seeds from this one on."""
    return campaigns.in_directory(partial(_carried_out, seed, count))


def _carried_out(seed: int, count: int, directory: Path) -> Result:
    one = rounds.Round(rounds.plan_of(seed, count), directory)
    entries = one.carry_out()
    name = f"round of the seeds from {seed} on, with --per-round {count}"
    return Result(name, one.kill_count, list(judges.complaints(one, entries)), one.story)


if __name__ == "__main__":
    sys.exit(main())
