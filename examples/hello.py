"""A workflow of one task: `elevon run examples/hello.py hello --name Ada`."""

from elevon import task, workflow


@task
def greet(name: str) -> str:
    """A task: a plain function with annotations. It runs in a process of its own."""
    return f"hello {name}"


@workflow
def hello(name: str = "world") -> str:
    """Greet somebody.

    Args:
        name: Whom to greet.
    """
    return greet(name=name)
