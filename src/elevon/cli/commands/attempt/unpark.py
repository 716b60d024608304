"""`elevon attempt unpark EXECUTION NODE`: try again what it was parked for."""

import argparse

from elevon.cli import orders
from elevon.records.leases import RequestKind


def declare(parser: argparse.ArgumentParser) -> None:
    """Add options and arguments."""
    orders.declare(parser, is_reason_needed=False)


def run(options: argparse.Namespace) -> int:
    """Unpark it."""
    return orders.run(options, RequestKind.UNPARK)
