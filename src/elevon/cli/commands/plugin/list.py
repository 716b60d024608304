"""`elevon plugin list`: who serves which task type, what is drained, and which installed packages are broken."""

import argparse
import asyncio
from collections.abc import Sequence

from elevon.admin.rosters import ExecutorEntry
from elevon.cli import documents, exits, grammar, invocations, plugins, sites, spellings
from elevon.cli.invocations import Invocation
from elevon.records.drains import Drain

_HEADER = ("EXECUTOR", "TASK TYPES", "ISOLATION", "STATE", "FROM", "DRAINED")


def declare(parser: argparse.ArgumentParser) -> None:
    """Add options."""
    grammar.add_home(parser)
    grammar.add_remote(parser)
    grammar.add_output(parser)
    grammar.add_tasktypes(parser)


def run(options: argparse.Namespace) -> int:
    """List them."""
    return asyncio.run(_run(invocations.of(options)))


async def _run(invocation: Invocation) -> int:
    async with sites.executors(invocation) as site:
        found = await site.list_executors()
    if invocation.is_json:
        documents.write(
            {
                "executors": [_document(one, found.drains) for one in found.executors],
                "problems": list(found.problems),
            }
        )
        return exits.Exit.SUCCEEDED
    print("\n".join(spellings.table(_HEADER, [_row(one, found.drains) for one in found.executors])))
    for problem in found.problems:
        print(f"not there: {problem}")
    for drain in found.stray_drains:
        print(f"drained, and registered by nobody: {plugins.drain_line(drain)}")
    return exits.Exit.SUCCEEDED


def _row(found: ExecutorEntry, drains: Sequence[Drain]) -> tuple[str, ...]:
    description = found.description
    return (
        description.id,
        ", ".join(description.task_types) or "those that it discovers",
        found.isolation if found.host is None else f"{found.isolation} ({found.host})",
        f"version {description.state_version}",
        found.origin,
        ", ".join(drain.task_type for drain in found.drains_among(drains)),
    )


def _document(found: ExecutorEntry, drains: Sequence[Drain]) -> documents.Document:
    description = found.description
    return {
        "executor": description.id,
        "task_types": list(description.task_types),
        "isolation": found.isolation,
        "host": found.host,
        "state_version": description.state_version,
        "from": found.origin,
        "drained": [plugins.drain_document(drain) for drain in found.drains_among(drains)],
    }
