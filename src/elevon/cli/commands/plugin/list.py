"""`elevon plugin list`: who serves which task type, and which installed packages are broken."""

import argparse

from elevon import app
from elevon.app.origins import origin_of
from elevon.cli import documents, exits, grammar, invocations, spellings
from elevon.plugin.registry import Registration

_HEADER = ("EXECUTOR", "TASK TYPES", "ISOLATION", "STATE", "FROM")


def declare(parser: argparse.ArgumentParser) -> None:
    """Add options."""
    grammar.add_home(parser)
    grammar.add_output(parser)
    grammar.add_tasktypes(parser)


def run(options: argparse.Namespace) -> int:
    """List them."""
    invocation = invocations.of(options)
    settings = invocation.settings
    known = app.registry(settings, are_problems_told=False)
    if invocation.is_json:
        documents.write([_document(one, origin_of(one, settings)) for one in known.registrations])
        return exits.Exit.SUCCEEDED
    rows = [_row(one, origin_of(one, settings)) for one in known.registrations]
    print("\n".join(spellings.table(_HEADER, rows)))
    for problem in known.problems:
        print(f"not there: {problem.sentence}")
    return exits.Exit.SUCCEEDED


def _row(found: Registration, origin: str) -> tuple[str, ...]:
    return (
        found.id,
        ", ".join(found.task_types),
        found.isolation,
        f"version {found.description.state_version}",
        origin,
    )


def _document(found: Registration, origin: str) -> documents.Document:
    return {
        "executor": found.id,
        "task_types": list(found.task_types),
        "isolation": found.isolation,
        "state_version": found.description.state_version,
        "from": origin,
    }
