"""`elevon logs ID [NODE] [--follow]`: what the tasks of an execution wrote to stdout and stderr."""

import argparse
import asyncio
import sys
from collections.abc import Sequence

from elevon import errors
from elevon.cli import exits, grammar, invocations, sites
from elevon.cli.invocations import Invocation
from elevon.cli.sights import Sight, Site
from elevon.primitives import suggestions
from elevon.records.attempts import AttemptRecord
from elevon.records.identities import AttemptId

_POLL_S = 0.5
_PATIENCE_COUNT = 10  # looks: who starts or takes over an execution needs a moment


def declare(parser: argparse.ArgumentParser) -> None:
    """Add options and arguments."""
    grammar.add_home(parser)
    grammar.add_remote(parser)
    parser.add_argument("--follow", action="store_true", help="go on until the execution has ended")
    parser.add_argument("id", metavar="ID", help="an execution, or the beginning of its id")
    parser.add_argument(
        "node", metavar="NODE", nargs="?", default="", help="one node of it; all if none is named"
    )


def run(options: argparse.Namespace) -> int:
    """Print them."""
    return asyncio.run(_run(options.id, options.node, invocations.of(options), is_following=options.follow))


async def _run(text: str, node_id: str, invocation: Invocation, *, is_following: bool) -> int:
    async with sites.opened(invocation) as site:
        printer = _Printer(site)
        undriven_count = 0
        while True:
            sight = await site.see(text, is_history_wanted=False)
            execution = sight.view.record.id
            for record in _attempts(sight, node_id):
                await printer.print_new(AttemptId(execution, record.node_id, record.attempt), record)
            if sight.view.record.phase.is_terminal or not is_following:
                break
            undriven_count = 0 if sight.is_driven else undriven_count + 1
            if undriven_count == _PATIENCE_COUNT:
                go_on = invocation.command("resume", execution.name)
                print(
                    f"nobody drives execution {execution.name}; go on with: {go_on}",
                    file=sys.stderr,
                    flush=True,
                )
            await asyncio.sleep(_POLL_S)
    if not printer.is_anything_printed:
        print(f"the tasks of {execution.name} have written nothing", file=sys.stderr)
    return exits.Exit.SUCCEEDED


def _attempts(sight: Sight, node_id: str) -> Sequence[AttemptRecord]:
    """The attempts to look at, in the order of their start."""
    nodes = {node.id: node for node in sight.view.walk()}
    if node_id and node_id not in nodes:
        raise errors.UserError(
            f"execution {sight.view.record.id.name} has no node {node_id!r}: {suggestions.hint(node_id, nodes)}"
        )
    chosen = [
        node
        for name, node in nodes.items()
        if not node_id or name == node_id or name.startswith(f"{node_id}/")
    ]
    return sorted(
        (attempt for node in chosen for attempt in node.attempts),
        key=lambda attempt: attempt.started_at or attempt.queued_at,
    )


class _Printer:
    """Prints each stream from where it stopped the last time, under a heading that names the attempt and the container.

    Args:
        site: Where the streams are read.
    """

    def __init__(self, site: Site) -> None:
        self._site = site
        self._offsets: dict[tuple[AttemptId, str], int] = {}
        self._finished: set[AttemptId] = set()
        self._heading = ""
        self.is_anything_printed = False

    async def print_new(self, attempt: AttemptId, record: AttemptRecord) -> None:
        """Print what an attempt has written since the last time; one that had ended then writes nothing more."""
        if attempt in self._finished:
            return
        for stream in await self._site.streams(attempt):
            while chunk := await self._next(attempt, stream):
                heading = f"--- {attempt.node_id}, attempt {attempt.attempt}, {_title(stream)} ---"
                if heading != self._heading:
                    self._heading = heading
                    print(heading, flush=True)
                self.is_anything_printed = True
                sys.stdout.write(chunk.decode(errors="replace"))
        sys.stdout.flush()
        if record.phase.is_terminal:
            self._finished.add(attempt)

    async def _next(self, attempt: AttemptId, stream: str) -> bytes:
        offset = self._offsets.get((attempt, stream), 0)
        chunk = await self._site.read_log(attempt, stream, offset)
        self._offsets[attempt, stream] = offset + len(chunk)
        return chunk


def _title(stream: str) -> str:
    """`containers/NAME/stdout` as a person says it."""
    place, _, name = stream.rpartition("/")
    return f"container {place.rpartition('/')[2]}, {name}" if place else name
