"""`elevon compile FILE NAME`: what a workflow compiles to."""

import argparse
import asyncio

from elevon import app
from elevon.cli import documents, exits, grammar, invocations, programs
from elevon.compiler import rendering


def declare(parser: argparse.ArgumentParser) -> None:
    """Add options and arguments."""
    grammar.add_output(parser)
    grammar.add_tasktypes(parser)
    parser.add_argument("file", metavar="FILE", help="a Python file")
    parser.add_argument(
        "name", metavar="NAME", nargs="?", default="", help="a workflow of the file, or a task"
    )


def run(options: argparse.Namespace) -> int:
    """Compile it and show the closure."""
    invocation = invocations.of(options)
    program = programs.load(options.file, options.name)
    known = asyncio.run(app.task_types(invocation.home, invocation.settings, program.task_types()))
    prepared = program.prepare(known)
    if invocation.is_json:
        documents.write(documents.closure(prepared.closure))
    else:
        print(rendering.render_text(prepared.closure))
    return exits.Exit.SUCCEEDED
