"""`python -m tests.storm --seed S --runs N [--failpoints]`: real engines, killed at any moment, resumed to the end."""

import argparse
import sys
import time
from functools import partial
from pathlib import Path

from tests.storm import campaigns, judges, plans, rounds
from tests.storm.campaigns import Result


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
    run_s = measure()
    failures = campaigns.storm("runs", wanted, lambda plan: carry_out(plan, run_s), options.jobs)
    return 1 if failures else 0


def measure() -> float:
    """How long a run takes that nobody disturbs, in seconds."""
    began = time.perf_counter()
    carry_out(plans.Plan("undisturbed", ()), 0.0)
    return time.perf_counter() - began


def carry_out(plan: plans.Plan, run_s: float) -> Result:
    """A round."""
    return campaigns.in_directory(partial(_carried_out, plan, run_s))


def _carried_out(plan: plans.Plan, run_s: float, directory: Path) -> Result:
    one = rounds.Round(plan, directory, run_s)
    one.carry_out()
    name = f"{plan.name}, kills: {', '.join(map(str, plan.strikes))}"
    return Result(name, len(one.kills), list(judges.complaints(one)), one.story)


if __name__ == "__main__":
    sys.exit(main())
