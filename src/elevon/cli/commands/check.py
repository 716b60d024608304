"""`elevon check FILE`: import a file and compile every workflow that it defines, without running any."""

import argparse
import asyncio
import contextlib
from collections.abc import Iterable, Iterator

from elevon import app, errors
from elevon.cli import documents, exits, grammar, invocations, programs
from elevon.sdk import modules


def declare(parser: argparse.ArgumentParser) -> None:
    """Add options and arguments."""
    grammar.add_output(parser)
    grammar.add_tasktypes(parser)
    parser.add_argument("file", metavar="FILE", help="a Python file")


def run(options: argparse.Namespace) -> int:
    """Check them; the exit code is 0 if all are right and 2 otherwise."""
    invocation = invocations.of(options)
    names = list(programs.workflows_of(modules.load_file(options.file)))
    wanted = _task_types(options.file, names)
    known = asyncio.run(app.task_types(invocation.home, invocation.settings, wanted))
    problems: dict[str, str] = {}
    for name in names:
        try:
            programs.warn(programs.load(options.file, name).prepare(known))
        except errors.UserError as error:
            problems[name] = str(error)
    if invocation.is_json:
        documents.write(
            {
                "file": options.file,
                "workflows": [{"workflow": name, "problem": problems.get(name)} for name in names],
            }
        )
    else:
        for name in names:
            print(f"{name}: {problems.get(name, 'right')}")
        if not names:
            print(f"{options.file} defines no workflow")
    return exits.Exit.USAGE if problems else exits.Exit.SUCCEEDED


def _task_types(path: str, names: Iterable[str]) -> Iterator[str]:
    """The types of all tasks; a workflow that has none because it is wrong is reported when it is compiled."""
    for name in names:
        with contextlib.suppress(errors.UserError):
            yield from programs.load(path, name).task_types()
