"""`elevon plugin check MODULE:SCENARIO`: find out which promises of the contract an executor breaks."""

import argparse
import sys
from pathlib import Path

from elevon.cli import documents, exits, grammar


def declare(parser: argparse.ArgumentParser) -> None:
    """Add options and arguments."""
    grammar.add_output(parser)
    parser.add_argument(
        "--seed", type=int, default=1, metavar="N", help="the first seed; each run has the next (default: 1)"
    )
    parser.add_argument(
        "--runs", type=grammar.count, default=1000, metavar="N", help="how many runs (default: 1000)"
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
    report = checks.check(scenario, seed=options.seed, runs=options.runs)
    if options.output == "json":
        documents.write(reports.document(report))
    else:
        print("\n".join(reports.lines(report)))
    return exits.Exit.FAILED if report.findings else exits.Exit.SUCCEEDED
