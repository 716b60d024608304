"""`elevon attempt abandon EXECUTION NODE`: call nothing of it any more, and let the execution go on."""

import argparse

from elevon.cli import orders
from elevon.records.leases import RequestKind


def declare(parser: argparse.ArgumentParser) -> None:
    """Add options and arguments."""
    orders.declare(parser, is_reason_needed=True)


def run(options: argparse.Namespace) -> int:
    """Abandon it."""
    return orders.run(options, RequestKind.ABANDON)
