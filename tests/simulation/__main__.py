"""`python -m tests.simulation --seed S --runs N`: random workflows, faults and crashes on virtual time."""

import argparse
import sys
import time
from collections import Counter

from elevon.propeller.machine import attempts
from tests.simulation import runs


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="seed of the first run")
    parser.add_argument("--runs", type=int, default=500, help="how many runs, with seeds in a row")
    options = parser.parse_args()
    coverage: Counter[tuple[str, str]] = Counter()
    phases: Counter[str] = Counter()
    steps = crashes = 0
    began = time.perf_counter()
    for seed in range(options.seed, options.seed + options.runs):
        result = runs.carry_out(runs.of_seed(seed))
        if result.complaint:
            report(result)
            return 1
        coverage += result.coverage
        phases[result.phase] += 1
        steps += result.step_count
        crashes += result.crash_count
    print(f"{options.runs} runs, {steps} steps, {crashes} crashes in {time.perf_counter() - began:.1f} s")
    print(", ".join(f"{count} {phase}" for phase, count in sorted(phases.items())))
    known = {(str(phase), event.__name__) for phase, event in attempts.TABLE}
    print(f"{len(known & set(coverage))} of {len(known)} pairs of phase and event reached")
    for phase, event in sorted(known - set(coverage)):
        print(f"  never: {event} in {phase}")
    return 0


def report(failed: runs.Result) -> None:
    """Print the shortest story that shows what went wrong."""
    shortest = runs.shorten(failed)
    print(f"seed {failed.run.seed}: {failed.complaint}")
    print(f"the shortest story found, of {shortest.run}:")
    for line in shortest.story:
        print(line)
    print(shortest.complaint)


if __name__ == "__main__":
    sys.exit(main())
