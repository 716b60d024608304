"""A branch: which nodes run is decided by a value that is known only when the workflow runs."""

from elevon import if_, task, workflow


@task
def measure(text: str) -> int:
    """The number of characters."""
    return len(text)


@task
def shorten(text: str, limit: int) -> str:
    """The beginning of a text."""
    return f"{text[:limit]}..."


@task
def keep(text: str) -> str:
    """The text as it is."""
    return text


@workflow
def tidy(text: str, limit: int = 12) -> str:
    """Shorten a text that is too long; refuse one that is empty.

    Args:
        text: What to tidy.
        limit: The longest text that is kept.
    """
    length = measure(text=text)
    return (
        if_(length > limit, lambda: shorten(text=text, limit=limit))
        .elif_(length > 0, lambda: keep(text=text))
        .else_fail("there is no text")
    )
