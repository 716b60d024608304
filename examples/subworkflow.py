"""Subworkflows: a workflow called in a workflow is one node, with nodes of its own."""

from elevon import task, workflow


@task
def square(x: float) -> float:
    """The square."""
    return x * x


@task
def add(left: float, right: float) -> float:
    """The sum."""
    return left + right


@task
def root(x: float) -> float:
    """The square root."""
    return x**0.5


@workflow
def hypotenuse(a: float, b: float) -> float:
    """The longest side of a right triangle."""
    return root(x=add(left=square(x=a), right=square(x=b)))


@workflow
def diagonal(a: float, b: float, c: float) -> float:
    """The diagonal of a box: the hypotenuse of a hypotenuse and an edge."""
    return hypotenuse(a=hypotenuse(a=a, b=b), b=c)
