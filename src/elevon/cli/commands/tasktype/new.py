"""`elevon tasktype new`: begin a task type with a package that works."""

import argparse
from pathlib import Path

from elevon.cli import exits
from elevon.testing import scaffolding


def declare(parser: argparse.ArgumentParser) -> None:
    """Add options."""
    parser.add_argument("name", metavar="NAME", help="the type string, such as file-arrival")
    parser.add_argument(
        "--message", action="store_true", help="with a protobuf message, for what inputs can't say"
    )
    parser.add_argument(
        "--base",
        choices=scaffolding.BASES,
        default="executor",
        help="what the executor derives from (default: executor)",
    )
    parser.add_argument(
        "--directory",
        metavar="DIR",
        type=Path,
        default=Path(),
        help="where to make its folder (default: here)",
    )


def run(options: argparse.Namespace) -> int:
    """Write it."""
    names = scaffolding.Names.of(options.name)
    folder = scaffolding.write(
        options.name, options.directory, base=options.base, has_message=options.message
    )
    print(f"wrote {folder}; try it:")
    print(f"  cd {folder}")
    print(f"  {names.run()}")
    print(f"  {names.check(options.base)}")
    return exits.Exit.SUCCEEDED
