"""`elevon logs ID [NODE] [--follow]`: what the tasks of an execution wrote to stdout and stderr."""

import argparse
import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

from elevon import app, errors
from elevon.admin.executions import Admin
from elevon.cli import exits, grammar, invocations
from elevon.cli.invocations import Invocation
from elevon.records.identities import AttemptId, ExecutionId

_FILES = ("stdout.log", "stderr.log")
_POLL_S = 0.5
_CHUNK_BYTES = 1 << 16


def declare(parser: argparse.ArgumentParser) -> None:
    """Add options and arguments."""
    grammar.add_home(parser)
    parser.add_argument("--follow", action="store_true", help="go on until the execution has ended")
    parser.add_argument("id", metavar="ID", help="an execution, or the beginning of its id")
    parser.add_argument(
        "node", metavar="NODE", nargs="?", default="", help="one node of it; all if none is named"
    )


def run(options: argparse.Namespace) -> int:
    """Print them."""
    return asyncio.run(_run(options.id, options.node, invocations.of(options), is_following=options.follow))


async def _run(text: str, node_id: str, invocation: Invocation, *, is_following: bool) -> int:
    async with app.reading(invocation.home) as admin:
        execution = (await admin.find(text)).id
        printer = _Printer()
        while True:
            has_ended = (await admin.get(execution)).phase.is_terminal
            for attempt in await _attempts(admin, execution, node_id):
                printer.print_new(attempt, invocation.home.attempt_dir(attempt))
            if has_ended or not is_following:
                break
            await asyncio.sleep(_POLL_S)
    if not printer.is_anything_printed:
        print(f"the tasks of {execution.name} have written nothing", file=sys.stderr)
    return exits.Exit.SUCCEEDED


async def _attempts(admin: Admin, execution: ExecutionId, node_id: str) -> list[AttemptId]:
    """The attempts to look at, in the order of their start."""
    view = await admin.view(execution, is_history_wanted=False)
    nodes = {node.id: node for node in view.walk()}
    if node_id and node_id not in nodes:
        raise errors.UserError(
            f"execution {execution.name} has no node {node_id!r}: it has {', '.join(nodes)}"
        )
    chosen = [
        node
        for name, node in nodes.items()
        if not node_id or name == node_id or name.startswith(f"{node_id}/")
    ]
    found = sorted(
        (attempt for node in chosen for attempt in node.attempts),
        key=lambda attempt: attempt.started_at or attempt.queued_at,
    )
    return [AttemptId(execution, attempt.node_id, attempt.attempt) for attempt in found]


class _Printer:
    """Prints each file from where it stopped the last time, under a heading that names the attempt."""

    def __init__(self) -> None:
        self._offsets: dict[Path, int] = {}
        self._heading = ""
        self.is_anything_printed = False

    def print_new(self, attempt: AttemptId, directory: Path) -> None:
        for name in _FILES:
            for chunk in self._new_chunks(directory / name):
                heading = f"--- {attempt.node_id}, attempt {attempt.attempt}, {name.partition('.')[0]} ---"
                if heading != self._heading:
                    self._heading = heading
                    print(heading, flush=True)
                self.is_anything_printed = True
                sys.stdout.write(chunk.decode(errors="replace"))
        sys.stdout.flush()

    def _new_chunks(self, path: Path) -> Iterator[bytes]:
        try:
            with path.open("rb") as file:
                file.seek(self._offsets.get(path, 0))
                while chunk := file.read(_CHUNK_BYTES):
                    self._offsets[path] = file.tell()
                    yield chunk
        except FileNotFoundError:
            return
