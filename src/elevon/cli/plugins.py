"""Executors as people see them: what operators have drained of them."""

from elevon.cli import documents, spellings
from elevon.records.drains import Drain


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
