"""Parameters of queries: each is known to its path, and refused by name otherwise."""

from collections.abc import Collection
from typing import Final

from starlette.requests import Request

from elevon import errors
from elevon.idl.admin_messages import Sort
from elevon.primitives import suggestions

LARGEST_COUNT: Final = (1 << 31) - 1
LARGEST_PLACE: Final = (1 << 63) - 1
"""The last byte of a file, and the last row, that there can be."""


def check_names(request: Request, known: Collection[str]) -> None:
    """Refuse what a path does not know, and what is given twice.

    Raises:
        UserError: There is such a parameter.
    """
    for name in request.query_params:
        if name not in known:
            raise errors.UserError(
                f"{request.url.path} has no parameter {name!r}: {suggestions.hint(name, known)}"
            )
        if len(request.query_params.getlist(name)) > 1:
            raise errors.UserError(f"the parameter {name!r} is given twice")


def text(request: Request, name: str, default: str = "") -> str:
    """A parameter, or the default."""
    return request.query_params.get(name, default)


def count(request: Request, name: str, most: int = LARGEST_COUNT) -> int:
    """A parameter that counts something; 0 if it is not given.

    Raises:
        UserError: It is no whole number from 0 to `most`.
    """
    given = text(request, name, "0")
    is_number = given.isascii() and given.isdecimal() and len(given) <= len(str(most))
    if not is_number or int(given) > most:
        raise errors.UserError(f"{name} {given!r:.40} is no number from 0 to {most}")
    return int(given)


def seconds(request: Request, name: str) -> float:
    """A parameter that is a span in seconds; 0 if it is not given.

    Raises:
        UserError: It is none.
    """
    given = text(request, name, "0")
    try:
        found = float(given)
    except ValueError:
        found = -1.0
    if not 0 <= found < float("inf"):
        raise errors.UserError(f"{name} {given!r} is no span: use seconds, 0 or more")
    return found


def truth(request: Request, name: str, *, default: bool) -> bool:
    """A parameter that is `true` or `false`.

    Raises:
        UserError: It is neither.
    """
    given = text(request, name, "true" if default else "false")
    if given not in ("true", "false"):
        raise errors.UserError(f"{name} {given!r} is neither true nor false")
    return given == "true"


def order(request: Request) -> Sort:
    """How a list is to be sorted, by `sort_by.key` and `sort_by.direction`.

    Raises:
        UserError: The direction is none.
    """
    key, direction = text(request, "sort_by.key"), text(request, "sort_by.direction", "DESCENDING")
    if direction not in Sort.Direction.keys():  # noqa: SIM118 - an enum of protobuf is no mapping
        raise errors.UserError(f"sort_by.direction {direction!r} is none: use ASCENDING or DESCENDING")
    return Sort(key=key, direction=direction)
