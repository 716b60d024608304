"""`elevon plugin show ID_OR_TYPE`: what an executor is, how it is configured, its attempts and its figures."""

import argparse
import asyncio
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from elevon import app
from elevon.admin.drains import Census
from elevon.app import publications
from elevon.app.origins import origin_of
from elevon.cli import documents, exits, figures, grammar, invocations, plugins, spellings
from elevon.cli.invocations import Invocation
from elevon.plugin.descriptions import Description
from elevon.plugin.registry import Registration
from elevon.records.drains import Drain
from elevon.records.identities import AttemptId


def declare(parser: argparse.ArgumentParser) -> None:
    """Add options and arguments."""
    grammar.add_home(parser)
    grammar.add_output(parser)
    grammar.add_tasktypes(parser)
    parser.add_argument("name", metavar="ID_OR_TYPE", help="an executor's id, or a task type that it serves")


def run(options: argparse.Namespace) -> int:
    """Show it."""
    return asyncio.run(_run(options.name, invocations.of(options)))


async def _run(name: str, invocation: Invocation) -> int:
    settings = invocation.settings
    found = plugins.find(app.registry(settings, are_problems_told=False), name)
    async with app.reading(invocation.home) as admin:
        drains = plugins.drains_of(found, await admin.drains.list_drains())
        census = await admin.drains.census(found.task_types)
    origin = origin_of(found, settings)
    engines = publications.read(invocation.home)
    if invocation.is_json:
        document = _document(found, origin, drains, census)
        measured = [figures.document(engine, found.id) for engine in engines]
        documents.write({**document, "engines": measured})
    else:
        measured = figures.lines(engines, found.id, datetime.now(UTC))
        print("\n".join([*_lines(found, origin, drains, census), *measured]))
    return exits.Exit.SUCCEEDED


def _lines(found: Registration, origin: str, drains: Sequence[Drain], census: Census) -> Iterator[str]:
    description = found.description
    yield f"executor {found.id}  {found.path}"
    if description.summary:
        yield f"  {description.summary}"
    yield f"  from        {origin}"
    yield f"  task types  {', '.join(found.task_types) or 'those that it discovers'}"
    yield f"  isolation   {found.isolation}{f', in {found.host}' if found.host else ''}"
    yield f"  message     {description.message or 'none'}"
    yield f"  state       version {description.state_version}"
    yield f"  contract    version {description.contract_version}"
    yield "properties:"
    yield from spellings.values(_properties(found))
    if description.config is not None:
        yield "configuration:"
        yield from _configuration(description)
    for drain in drains:
        yield f"drained: {plugins.drain_line(drain)}"
    yield (
        f"attempts: {len(census.in_flight)} in flight, {len(census.waiting)} waiting for resources, "
        f"{len(census.parked)} parked"
    )
    for attempt, reason in census.parked:
        yield f"  {_name(attempt)} is parked: {reason}"


def _configuration(description: Description) -> Iterator[str]:
    for name, value in (description.config or {}).items():
        line = f"  {name}: {spellings.value(value)}"
        if name not in description.defaults:
            yield f"{line}  (configured, it has no default)"
        elif description.defaults[name] == value:
            yield f"{line}  (the default)"
        else:
            yield f"{line}  (configured, the default is {spellings.value(description.defaults[name])})"


def _properties(found: Registration) -> dict[str, Any]:
    properties: dict[str, Any] = msgspec.to_builtins(found.properties)
    for name, value in msgspec.structs.asdict(found.properties).items():
        if hasattr(value, "total_seconds"):
            properties[name] = spellings.duration(value)
    return {name: value for name, value in properties.items() if name != "isolation"}


def _name(attempt: AttemptId) -> str:
    return f"{attempt.execution.name} {attempt.node_id}#{attempt.attempt}"


def _document(
    found: Registration, origin: str, drains: Sequence[Drain], census: Census
) -> documents.Document:
    description = found.description
    return {
        "executor": found.id,
        "class": found.path,
        "summary": description.summary or None,
        "from": origin,
        "task_types": list(found.task_types),
        "isolation": found.isolation,
        "message": description.message or None,
        "state_version": description.state_version,
        "contract_version": description.contract_version,
        "properties": {
            **msgspec.to_builtins(found.properties),
            "call_timeout": found.properties.call_timeout.total_seconds(),
            "check_after": found.properties.check_after.total_seconds(),
        },
        "configuration": description.config,
        "defaults": description.defaults,
        "drained": [plugins.drain_document(drain) for drain in drains],
        "in_flight": [_attempt(attempt) for attempt in census.in_flight],
        "waiting": [_attempt(attempt) for attempt in census.waiting],
        "parked": [{**_attempt(attempt), "reason": reason} for attempt, reason in census.parked],
    }


def _attempt(attempt: AttemptId) -> documents.Document:
    return {"execution": attempt.execution.name, "node": attempt.node_id, "attempt": attempt.attempt}
