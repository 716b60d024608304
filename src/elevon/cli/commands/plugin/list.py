"""`elevon plugin list`: who serves which task type, what is drained, and which installed packages are broken."""

import argparse
import asyncio
from collections.abc import Sequence

from elevon import app
from elevon.app.origins import origin_of
from elevon.cli import documents, exits, grammar, invocations, plugins, spellings
from elevon.cli.invocations import Invocation
from elevon.plugin.registry import Registration
from elevon.records.drains import Drain

_HEADER = ("EXECUTOR", "TASK TYPES", "ISOLATION", "STATE", "FROM", "DRAINED")


def declare(parser: argparse.ArgumentParser) -> None:
    """Add options."""
    grammar.add_home(parser)
    grammar.add_output(parser)
    grammar.add_tasktypes(parser)


def run(options: argparse.Namespace) -> int:
    """List them."""
    return asyncio.run(_run(invocations.of(options)))


async def _run(invocation: Invocation) -> int:
    settings = invocation.settings
    known = app.registry(settings, are_problems_told=False)
    async with app.reading(invocation.home) as admin:
        drains = await admin.drains.list_drains()
    found = [(one, origin_of(one, settings)) for one in known.registrations]
    if invocation.is_json:
        documents.write(
            {
                "executors": [_document(one, origin, drains) for one, origin in found],
                "problems": [problem.sentence for problem in known.problems],
            }
        )
        return exits.Exit.SUCCEEDED
    print("\n".join(spellings.table(_HEADER, [_row(one, origin, drains) for one, origin in found])))
    for problem in known.problems:
        print(f"not there: {problem.sentence}")
    for drain in drains:
        if drain.task_type not in known.known_types:
            print(f"drained, and registered by nobody: {plugins.drain_line(drain)}")
    return exits.Exit.SUCCEEDED


def _row(found: Registration, origin: str, drains: Sequence[Drain]) -> tuple[str, ...]:
    host = plugins.host_of(found)
    return (
        found.id,
        ", ".join(found.task_types) or "those that it discovers",
        found.isolation if host is None else f"{found.isolation} ({host})",
        f"version {found.description.state_version}",
        origin,
        ", ".join(drain.task_type for drain in plugins.drains_of(found, drains)),
    )


def _document(found: Registration, origin: str, drains: Sequence[Drain]) -> documents.Document:
    return {
        "executor": found.id,
        "task_types": list(found.task_types),
        "isolation": found.isolation,
        "host": plugins.host_of(found),
        "state_version": found.description.state_version,
        "from": origin,
        "drained": [plugins.drain_document(drain) for drain in plugins.drains_of(found, drains)],
    }
