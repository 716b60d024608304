"""Retries: an exception spends one, and `NonRecoverable` says that another attempt would be in vain."""

from elevon import NonRecoverable, current_context, task, workflow


@task(retries=2)
def call_service(url: str) -> str:
    """Fails at the first attempt, as services do."""
    if not url.startswith("https://"):
        raise NonRecoverable(f"{url} is no address of ours")
    attempt = current_context().attempt
    if attempt == 0:
        raise ConnectionError(f"{url} does not answer")
    return f"answer to attempt {attempt}"


@workflow
def patient(url: str = "https://example.org") -> str:
    """Ask a service that answers at the second attempt.

    Args:
        url: Its address.
    """
    return call_service(url=url)
