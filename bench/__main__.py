"""`python -m bench`: measure elevon and its peers in turn, and hold it to its bars.

It owns the command line and the place on disk; `measurements` knows what is measured.
"""

import argparse
import datetime as dt
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

from bench import contenders, measurements, results, servings

WORKLOADS = ("W1", "W2", "W3", "W4", "W5", "W6", "W9", "cache", "isolation", "futures", "map", "serve")
_PLACE = contenders.ROOT / "bench" / "results"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; 1 if `--check` was given and a bar was missed, 2 if it could not be measured."""
    options = _parser().parse_args(arguments)
    wanted = frozenset(options.only.split(","))
    unknown = wanted - set(WORKLOADS)
    if unknown:
        print(
            f"bench: there is no {', '.join(sorted(unknown))}: choose of {', '.join(WORKLOADS)}",
            file=sys.stderr,
        )
        return 2
    _PLACE.mkdir(parents=True, exist_ok=True)
    directory = Path(tempfile.mkdtemp(prefix="run-", dir=_PLACE))
    bench = measurements.Bench(contenders.pythons(), directory, options.rounds, options.long)
    if bench.pythons.flytekit is None:
        print("bench: ELEVON_FLYTEKIT_PYTHON names no Python with flytekit: no ratios", file=sys.stderr)
    machine = _machine(directory)
    rows: list[results.Row] = []
    try:
        for row in _measure(bench, wanted):
            rows.append(row)
            print(f"measured {row.name}", file=sys.stderr, flush=True)
    except contenders.BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    finally:
        shutil.rmtree(directory)
    if options.output == "json":
        print(results.document(rows, machine))
    else:
        print("\n".join(f"{name}: {value}" for name, value in machine.items()))
        print(f"\n{results.table(rows)}")
    is_missed = any(row.is_met is False for row in rows)
    return 1 if options.check and is_missed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", default=",".join(WORKLOADS), metavar="W1,W2", help="workloads, default all")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each contender, default 5")
    parser.add_argument("--long", action="store_true", help="also the sizes that take minutes")
    parser.add_argument("--check", action="store_true", help="exit 1 if a bar is missed")
    parser.add_argument("--output", choices=("table", "json"), default="table")
    return parser


def _measure(bench: measurements.Bench, wanted: frozenset[str]) -> Iterator[results.Row]:
    yield from measurements.warm(bench, wanted)
    if "W4" in wanted:
        yield from measurements.cold(bench)
    if "W6" in wanted:
        yield from measurements.waiting(bench)
    if "W9" in wanted:
        yield from measurements.growth(bench)
    if "cache" in wanted:
        yield from measurements.cached(bench)
    if "isolation" in wanted:
        yield from measurements.isolated(bench)
    if "futures" in wanted:
        yield from measurements.unfolded(bench)
    if "map" in wanted:
        yield from measurements.mapped(bench)
    if "serve" in wanted:
        yield from servings.served(bench)


def _machine(directory: Path) -> dict[str, Any]:
    """What the figures hang on."""
    mounts = [
        mount for mount in psutil.disk_partitions(all=True) if directory.is_relative_to(mount.mountpoint)
    ]
    disk = max(mounts, key=lambda mount: len(mount.mountpoint)).fstype if mounts else "unknown"
    return {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "elevon": metadata.version("elevon"),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / (1 << 30)),
        "disk": disk,
        "load": round(os.getloadavg()[0], 1),
    }


if __name__ == "__main__":
    sys.exit(main())
