"""`elevon plugin show ID_OR_TYPE`: what an executor is, how it is configured, its attempts and its figures."""

import argparse
import asyncio
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, cast

import msgspec

from elevon.admin.rosters import ExecutorDetails
from elevon.cli import documents, exits, figures, grammar, invocations, plugins, sites, spellings
from elevon.cli.invocations import Invocation
from elevon.plugin.descriptions import Description
from elevon.records.identities import AttemptId


def declare(parser: argparse.ArgumentParser) -> None:
    """Add options and arguments."""
    grammar.add_home(parser)
    grammar.add_remote(parser)
    grammar.add_output(parser)
    grammar.add_tasktypes(parser)
    parser.add_argument("name", metavar="ID_OR_TYPE", help="an executor's id, or a task type that it serves")


def run(options: argparse.Namespace) -> int:
    """Show it."""
    return asyncio.run(_run(options.name, invocations.of(options)))


async def _run(name: str, invocation: Invocation) -> int:
    async with sites.executors(invocation) as site:
        found = await site.show(name)
    executor_id = found.entry.description.id
    if invocation.is_json:
        measured = [figures.document(engine, executor_id) for engine in found.engines]
        documents.write({**_document(found), "engines": measured})
    else:
        measured = figures.lines(found.engines, executor_id, datetime.now(UTC))
        print("\n".join([*_lines(found), *measured]))
    return exits.Exit.SUCCEEDED


def _lines(found: ExecutorDetails) -> Iterator[str]:
    entry, census = found.entry, found.census
    description = entry.description
    yield f"executor {description.id}  {description.path}"
    if description.summary:
        yield f"  {description.summary}"
    yield f"  from        {entry.origin}"
    yield f"  task types  {', '.join(description.task_types) or 'those that it discovers'}"
    yield f"  isolation   {entry.isolation}{f', in {entry.place}' if entry.place else ''}"
    yield f"  message     {description.message or 'none'}"
    yield f"  state       version {description.state_version}"
    yield f"  contract    version {description.contract_version}"
    yield "properties:"
    yield from spellings.values(_properties(description))
    if description.config is not None:
        yield "configuration:"
        yield from _settings(description.config, description.defaults)
    for drain in found.drains:
        yield f"drained: {plugins.drain_line(drain)}"
    yield (
        f"attempts: {len(census.in_flight)} in flight, {len(census.waiting)} waiting for resources, "
        f"{len(census.parked)} parked"
    )
    for attempt, reason in census.parked:
        yield f"  {_name(attempt)} is parked: {reason}"


def _settings(found: Mapping[str, Any], defaults: Mapping[str, Any], table: str = "") -> Iterator[str]:
    """A line for each setting, those of tables within the table too."""
    for name, value in found.items():
        default = defaults.get(name)
        line = f"  {table}{name}: {_setting(value)}"
        if isinstance(value, dict) and isinstance(default, dict) and value and default:
            inner = cast("Mapping[str, Any]", value), cast("Mapping[str, Any]", default)
            yield from _settings(*inner, f"{table}{name}.")
        elif name not in defaults:
            yield f"{line}  (configured, it has no default)"
        elif default == value:
            yield f"{line}  (the default)"
        else:
            yield f"{line}  (configured, the default is {_setting(default)})"


def _setting(value: Any) -> str:
    return spellings.value(value) or '""'


def _properties(description: Description) -> dict[str, Any]:
    properties: dict[str, Any] = msgspec.to_builtins(description.properties)
    for name, value in msgspec.structs.asdict(description.properties).items():
        if hasattr(value, "total_seconds"):
            properties[name] = spellings.duration(value)
    return {name: value for name, value in properties.items() if name != "isolation"}


def _name(attempt: AttemptId) -> str:
    return f"{attempt.execution.name} {attempt.node_id}#{attempt.attempt}"


def _document(found: ExecutorDetails) -> documents.Document:
    entry, census = found.entry, found.census
    description = entry.description
    return {
        "executor": description.id,
        "class": description.path,
        "summary": description.summary or None,
        "from": entry.origin,
        "task_types": list(description.task_types),
        "isolation": entry.isolation,
        "message": description.message or None,
        "state_version": description.state_version,
        "contract_version": description.contract_version,
        "properties": {
            **msgspec.to_builtins(description.properties),
            "call_timeout": description.properties.call_timeout.total_seconds(),
            "check_after": description.properties.check_after.total_seconds(),
        },
        "configuration": description.config,
        "defaults": description.defaults,
        "drained": [plugins.drain_document(drain) for drain in found.drains],
        "in_flight": [_attempt(attempt) for attempt in census.in_flight],
        "waiting": [_attempt(attempt) for attempt in census.waiting],
        "parked": [{**_attempt(attempt), "reason": reason} for attempt, reason in census.parked],
    }


def _attempt(attempt: AttemptId) -> documents.Document:
    return {"execution": attempt.execution.name, "node": attempt.node_id, "attempt": attempt.attempt}
