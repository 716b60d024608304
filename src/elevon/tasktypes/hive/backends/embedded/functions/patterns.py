"""How times are written: the patterns of Java, which Hive has, as those of DuckDB.

It owns the letters that mean the same in both. It must never guess at another one.
"""

import re
from typing import Final

from elevon import errors

_PIECE: Final = re.compile(r"'(?P<quoted>(?:[^']|'')*)'|(?P<field>([A-Za-z])\3*)|(?P<sign>.)", re.DOTALL)
_FIELDS: Final = {
    "y": "%Y",
    "yy": "%y",
    "yyyy": "%Y",
    "M": "%-m",
    "MM": "%m",
    "MMM": "%b",
    "MMMM": "%B",
    "d": "%-d",
    "dd": "%d",
    "D": "%-j",
    "DDD": "%j",
    "E": "%a",
    "EE": "%a",
    "EEE": "%a",
    "EEEE": "%A",
    "u": "%u",
    "H": "%-H",
    "HH": "%H",
    "h": "%-I",
    "hh": "%I",
    "a": "%p",
    "m": "%-M",
    "mm": "%M",
    "s": "%-S",
    "ss": "%S",
    "SSS": "%g",
    "z": "%Z",
    "Z": "%z",
}


def translated(pattern: str) -> str:
    """A pattern of `java.text.SimpleDateFormat` as one of `strftime`.

    Raises:
        UserError: It has a field that can't be said there.
    """
    return "".join(_piece(found, pattern) for found in _PIECE.finditer(pattern))


def _piece(found: re.Match[str], pattern: str) -> str:
    if (field := found["field"]) is None:
        text = found["sign"] if found["quoted"] is None else found["quoted"].replace("''", "'") or "'"
        return text.replace("%", "%%")
    if field not in _FIELDS:
        raise errors.UserError(
            f"query: the pattern {pattern!r} has {field}, which the embedded backend can't write; it knows "
            + " ".join(_FIELDS)
        )
    return _FIELDS[field]
