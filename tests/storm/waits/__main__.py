"""`python -m tests.storm.waits --seed S --runs N`: executions that wait for executions, the engines of both killed."""

import argparse
import sys
from functools import partial
from pathlib import Path

from tests.storm import campaigns
from tests.storm.campaigns import Result
from tests.storm.waits import judges, plans
from tests.storm.waits.rounds import Round


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.storm.waits", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="seed of the first round")
    parser.add_argument("--runs", type=int, default=50, help="how many rounds, with seeds in a row")
    parser.add_argument("--jobs", type=int, default=2, help="rounds at the same time")
    options = parser.parse_args()
    seeds = range(options.seed, options.seed + options.runs)
    return 1 if campaigns.storm("waits", seeds, carry_out, options.jobs) else 0


def carry_out(seed: int) -> Result:
    """A round."""
    return campaigns.in_directory(partial(_carried_out, seed))


def _carried_out(seed: int, directory: Path) -> Result:
    one = Round(plans.of_seed(seed), directory)
    one.carry_out()
    return Result(f"waits, seed {seed}", one.kill_count, list(judges.complaints(one)), one.story)


if __name__ == "__main__":
    sys.exit(main())
