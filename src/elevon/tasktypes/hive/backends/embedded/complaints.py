"""What sqlglot and DuckDB complain of, in words for the author of a query and with the place in his text.

It owns the patterns of their messages; one that none fits is told as it is. It must never decide what follows.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

from sqlglot import exp

from elevon.tasktypes.hive.backends.embedded import places

_SYNTAX: Final = (
    (re.compile(r"Required keyword"), "something is missing here"),
    (re.compile(r"Expected table name but got"), "the name of a table is missing here"),
    (re.compile(r"Invalid expression / Unexpected token"), "this is not expected here"),
    (
        re.compile(r"Expect(?:ing|ed) (?P<what>\S+)(?P<after> after [\w ]+)?$"),
        "{what} is missing here{after}",
    ),
)
_NO_COLUMN: Final = re.compile(
    r'Referenced column "(?P<name>.+?)" not found|does not have a column named "(?P<qualified>.+?)"'
)
_NO_TABLE: Final = re.compile(r'Referenced table "(?P<name>.+?)" not found')
_NO_FUNCTION: Final = re.compile(
    r"(?:Scalar|Aggregate|Table) Function with name (?P<name>\S+) does not exist"
)
_SIMILAR: Final = re.compile(
    r"^(?:Candidate (?:bindings|tables): |Did you mean )(?P<names>[^?\n]+)", re.MULTILINE
)
_SHOWN_COUNT: Final = 3


def of_syntax(description: str) -> str:
    """What sqlglot says of a text that it can't read."""
    for pattern, words in _SYNTAX:
        found = pattern.match(description)
        if found:
            return words.format(**{name: value or "" for name, value in found.groupdict().items()})
    return "this can't be understood"


def of_names(message: str, rows: Any) -> str:
    """What DuckDB says of a name that there is not; empty if it says something else.

    Args:
        message: DuckDB's.
        rows: What it was to compute, as the author wrote it.
    """
    if found := _NO_COLUMN.search(message):
        kind, name = "column", found["name"] or found["qualified"]
        named = [one.this for one in rows.find_all(exp.Column, bfs=False) if _is(one.name, name)]
    elif found := _NO_TABLE.search(message):
        kind, name = "table or alias", found["name"]
        named = [
            one.args.get("table") for one in rows.find_all(exp.Column, bfs=False) if _is(one.table, name)
        ]
    elif found := _NO_FUNCTION.search(message):
        kind, name = "function", found["name"]
        named = [one for one in rows.find_all(exp.Anonymous, bfs=False) if _is(one.name, name)]
    else:
        return ""
    at = " or ".join(_places(named))
    similar = _SIMILAR.search(message)
    return (
        f"there is no {kind} {name}"
        + (f": {at}" if at else "")
        + (f"; nearest: {similar['names']}" if similar else "")
    )


def _is(one: str, other: str) -> bool:
    return one.lower() == other.lower()


def _places(named: list[Any]) -> Iterator[str]:
    """The first places; a name that several parts of a query know can be wrong in one of them."""
    found = list(dict.fromkeys(place for one in named if (place := places.of(one))))
    yield from found[:_SHOWN_COUNT]
