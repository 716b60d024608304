"""`python -m tests.storm.tasktypes --seed S --runs N [--only NAME]`: shipped task types, their engines killed."""

import argparse
import importlib
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from tests.storm import campaigns
from tests.storm.campaigns import Result
from tests.storm.tasktypes.rounds import Ground, Round, Subject, strikes_of

SUBJECTS = tuple(sorted(path.stem for path in (Path(__file__).parent / "subjects").glob("[a-z]*.py")))
"""The modules of `subjects`; each has a `SUBJECT`."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.storm.tasktypes", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="seed of the first round")
    parser.add_argument(
        "--runs", type=int, default=50, help="how many rounds of each subject, with seeds in a row"
    )
    parser.add_argument("--only", default="", help=f"of the subjects those whose name holds this: {SUBJECTS}")
    parser.add_argument("--jobs", type=int, default=2, help="rounds at the same time")
    options = parser.parse_args()
    seeds = range(options.seed, options.seed + options.runs)
    wanted = [name for name in SUBJECTS if options.only in name]
    if not wanted:
        parser.error(f"no subject of {SUBJECTS} holds {options.only!r}")
    failures = sum([storm(name, seeds, options.jobs) for name in wanted])
    return 1 if failures else 0


def storm(name: str, seeds: Sequence[int], at_once: int) -> int:
    """All rounds of a subject; how many failed."""
    subject = subject_of(name)
    with subject.service() as environment:
        return campaigns.storm(name, seeds, lambda seed: carry_out(subject, seed, environment), at_once)


def subject_of(name: str) -> Subject:
    """The subject of a module."""
    return importlib.import_module(f"tests.storm.tasktypes.subjects.{name}").SUBJECT


def carry_out(subject: Subject, seed: int, environment: Mapping[str, str]) -> Result:
    """A round."""
    return campaigns.in_directory(partial(_carried_out, subject, seed, environment))


def _carried_out(subject: Subject, seed: int, environment: Mapping[str, str], directory: Path) -> Result:
    one = Round(subject, strikes_of(seed, subject), Ground(directory, environment))
    complaints = one.carry_out()
    return Result(f"{subject.program.stem}, seed {seed}", one.kill_count, complaints, one.story)


if __name__ == "__main__":
    sys.exit(main())
