"""Places in the text of an author, which is not all of what is run.

It owns how sqlglot counts, and how a place is spelled. It must never know a statement.
"""

from collections.abc import Mapping
from typing import Any, Final

from sqlglot import exp

from elevon.tasktypes.hive import texts

_PLACE: Final = "place"


def spelled(text: str, line: int, column: int) -> str:
    """A place of a text that is run, both counted from 1, as one of the author's: `line 2, column 8`."""
    start, end = texts.own_span(text)
    if is_behind(text, line):
        line, column = text.count("\n", 0, end) + 1, end - (text.rfind("\n", 0, end) + 1)
    if line == 1:
        column -= start
    return f"line {line}, column {max(1, column)}"


def is_behind(text: str, line: int) -> bool:
    """Whether a line of a text that is run is of what is written behind the author's."""
    return line > text.count("\n", 0, texts.own_span(text)[1]) + 1


def note(text: str, tree: Any) -> None:
    """Have every name of a tree know its place."""
    for one in tree.find_all(exp.Identifier, exp.Func):
        if "line" in one.meta:
            one.meta[_PLACE] = spelled(text, *_beginning(one.meta))


def _beginning(meta: Mapping[str, Any]) -> tuple[int, int]:
    """Sqlglot knows the column of the last character."""
    return int(meta["line"]), int(meta["col"]) - (int(meta["end"]) - int(meta["start"]))


def of(name: Any) -> str:
    """The place of a name; empty for one that was not read in the text."""
    return "" if name is None else str(name.meta.get(_PLACE, ""))
