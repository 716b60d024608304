"""`python -m tests.storm.servers --seed S --runs N`: servers that are killed while clients start executions."""

import argparse
import sys
from functools import partial
from pathlib import Path

from tests.storm import campaigns
from tests.storm.campaigns import Result
from tests.storm.servers.rounds import Round


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.storm.servers", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="seed of the first round")
    parser.add_argument("--runs", type=int, default=50, help="how many rounds, with seeds in a row")
    options = parser.parse_args()
    seeds = range(options.seed, options.seed + options.runs)
    return 1 if campaigns.storm("servers", seeds, carry_out, at_once=1) else 0


def carry_out(seed: int) -> Result:
    """A round."""
    return campaigns.in_directory(partial(_carried_out, seed))


def _carried_out(seed: int, directory: Path) -> Result:
    one = Round(seed, directory)
    one.carry_out()
    return Result(f"servers, seed {seed}", one.kill_count, one.complaints, one.story)


if __name__ == "__main__":
    sys.exit(main())
