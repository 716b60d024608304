"""`python -m tests.storm.tasktypes --seed S --runs N [--only NAME]`: shipped task types, their engines killed."""

import argparse
import importlib
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from tests.storm.tasktypes.rounds import Ground, Round, Subject, strikes_of

SUBJECTS = tuple(sorted(path.stem for path in (Path(__file__).parent / "subjects").glob("[a-z]*.py")))
"""The modules of `subjects`; each has a `SUBJECT`."""


class Result(NamedTuple):
    """What came of a round."""

    seed: int
    kill_count: int
    complaints: Sequence[str]
    story: Sequence[str]


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


def storm(name: str, seeds: Sequence[int], job_count: int) -> int:
    """All rounds of a subject; how many failed."""
    subject = subject_of(name)
    began = time.perf_counter()
    kills = failures = 0
    with subject.service() as environment, ThreadPoolExecutor(job_count) as pool:
        for result in pool.map(lambda seed: carry_out(subject, seed, environment), seeds):
            kills += result.kill_count
            if result.complaints:
                failures += 1
                report(name, result)
    took = time.perf_counter() - began
    print(f"{len(seeds)} runs of {name}, {kills} kills, {failures} failed, in {took:.0f} s", flush=True)
    return failures


def subject_of(name: str) -> Subject:
    """The subject of a module."""
    return importlib.import_module(f"tests.storm.tasktypes.subjects.{name}").SUBJECT


def carry_out(subject: Subject, seed: int, environment: Mapping[str, str]) -> Result:
    """A round; its files are kept only if something is wrong."""
    directory = Path(tempfile.mkdtemp(prefix="elevon-storm-"))
    one = Round(subject, strikes_of(seed, subject), Ground(directory, environment))
    complaints = one.carry_out()
    if complaints:
        one.story.append(f"files: {directory}")
    else:
        shutil.rmtree(directory)
    return Result(seed, one.kill_count, complaints, one.story)


def report(name: str, failed: Result) -> None:
    """Print what is wrong, and how it came."""
    print(f"{name}, seed {failed.seed}")
    for line in (*failed.story, *failed.complaints):
        print(f"  {line}")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
