"""Executors as people name and see them: found by id or task type, with what operators have drained of them."""

from collections.abc import Sequence

from elevon import errors
from elevon.cli import documents, spellings
from elevon.plugin.registry import Registration, Registry
from elevon.primitives import suggestions
from elevon.records.drains import Drain


def find(known: Registry, text: str) -> Registration:
    """The executor of an id, or that serves a task type.

    Raises:
        NotFoundError: There is none; says why, or what is near.
    """
    for one in known.registrations:
        if one.id == text:
            return one
    found = known.find(text)
    if found is not None:
        return found
    problem = known.problem_of(text)
    if problem:
        raise errors.NotFoundError(f"the executor {text!r} is not there: {problem}")
    names = {name for one in known.registrations for name in (one.id, *one.task_types)}
    raise errors.NotFoundError(
        f"there is no executor or task type {text!r}: {suggestions.hint(text, sorted(names))}"
    )


def drains_of(executor: Registration, drains: Sequence[Drain]) -> list[Drain]:
    """Which of its types are drained."""
    return [drain for drain in drains if drain.task_type in executor.task_types]


def host_of(executor: Registration) -> str | None:
    """The host of the configuration in which it runs; None if that names none."""
    return executor.host.name if executor.host is not None and executor.host.is_shared else None


def drain_line(drain: Drain) -> str:
    """One drain: what, who, when and why."""
    reason = f": {drain.reason}" if drain.reason else ""
    return f"{drain.task_type} since {spellings.instant(drain.at)} by {drain.by}{reason}"


def drain_document(drain: Drain) -> documents.Document:
    """One drain."""
    return {
        "task_type": drain.task_type,
        "by": drain.by,
        "reason": drain.reason or None,
        "at": documents.instant(drain.at),
    }
