"""`elevon attempt fail EXECUTION NODE`: have it killed, and failed for good."""

import argparse

from elevon.cli import orders
from elevon.records.leases import RequestKind


def declare(parser: argparse.ArgumentParser) -> None:
    """Add options and arguments."""
    orders.declare(parser, is_reason_needed=True)


def run(options: argparse.Namespace) -> int:
    """Fail it."""
    return orders.run(options, RequestKind.FAIL)
