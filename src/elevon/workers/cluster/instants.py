"""Instants as Kubernetes spells them: RFC 3339, in UTC, to the second."""

from datetime import datetime


def spelled(instant: datetime) -> str:
    """An instant in UTC."""
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")
