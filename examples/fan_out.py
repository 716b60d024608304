"""Fan-out and fan-in: a loop makes parallel nodes, and a list of their results brings them together."""

from elevon import task, workflow


@task
def count_primes(start: int, stop: int) -> int:
    """How many primes there are from start up to, not including, stop."""
    return sum(
        number > 1 and all(number % d for d in range(2, int(number**0.5) + 1))
        for number in range(start, stop)
    )


@task
def add(parts: list[int]) -> int:
    """The sum."""
    return sum(parts)


@workflow
def primes() -> int:
    """Count the primes below 10,000, in four parallel parts.

    The loop runs when the workflow is recorded, so its bounds are constants.
    """
    parts = [count_primes(start=start, stop=start + 2_500) for start in range(0, 10_000, 2_500)]
    return add(parts=parts)
