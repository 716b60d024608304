"""`elevon plugin check MODULE:SCENARIO`: find out which promises of the contract an executor breaks."""

import argparse
import sys
from pathlib import Path

from elevon.cli import documents, exits, grammar


def declare(parser: argparse.ArgumentParser) -> None:
    """Add options and arguments."""
    grammar.add_output(parser)
    parser.add_argument(
        "--seed",
        type=grammar.whole,
        default=1,
        metavar="N",
        help="the first seed; each run has the next (default: 1)",
    )
    parser.add_argument(
        "--runs",
        type=grammar.count,
        metavar="N",
        help="how many runs (default: 1000, and 50 of real processes)",
    )
    parser.add_argument(
        "--gear",
        choices=("virtual", "processes", "both"),
        default="virtual",
        help="virtual: simulated on virtual time; processes: real ones, really killed (default: virtual)",
    )
    parser.add_argument(
        "scenario", metavar="MODULE:SCENARIO", help="a class that derives from elevon.testing.Scenario"
    )


def run(options: argparse.Namespace) -> int:
    """Check it; the exit code is 0 if no promise was seen broken, and 1 otherwise."""
    from elevon.testing.conformance import checks, modules, reports

    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    scenario = modules.load(options.scenario)
    gears = [gear for gear in checks.Gear if options.gear in (gear, "both")]
    found = [checks.check(scenario, seed=options.seed, runs=options.runs, gear=gear) for gear in gears]
    if options.output == "json":
        documents.write({"reports": [reports.document(report) for report in found]})
    else:
        print("\n\n".join("\n".join(reports.lines(report)) for report in found))
    return exits.Exit.FAILED if any(report.findings for report in found) else exits.Exit.SUCCEEDED
