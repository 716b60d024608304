"""Types of your own: dataclasses and enums travel between tasks, a NamedTuple names several outputs."""

from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import NamedTuple

from elevon import task, workflow


class Size(Enum):
    """A set of constants."""

    SMALL = "small"
    LARGE = "large"


@dataclass
class Order:
    """A value of several fields; dataclasses, lists and dicts nest freely."""

    customer: str
    amounts: dict[str, int]
    due: date | None = None


class Parcel(NamedTuple):
    """The outputs of a task, by name. It is no value of its own: each field is an output."""

    size: Size
    label: str


@task
def pack(order: Order) -> Parcel:
    """Two outputs."""
    total = sum(order.amounts.values())
    return Parcel(Size.LARGE if total > 5 else Size.SMALL, f"{total} things for {order.customer}")


@task
def stamp(size: Size, label: str) -> str:
    """Takes the outputs one by one."""
    return f"[{size.value}] {label}"


@task
def remind(customer: str) -> str:
    """Takes one field of a dataclass."""
    return f"dear {customer}"


class Sent(NamedTuple):
    """The outputs of the workflow."""

    stamped: str
    letter: str


@workflow
def send(order: Order) -> Sent:
    """Outputs, and fields of dataclasses, are reached by their names.

    Args:
        order: As JSON on the command line.
    """
    parcel = pack(order=order)
    return Sent(stamp(size=parcel.size, label=parcel.label), remind(customer=order.customer))
