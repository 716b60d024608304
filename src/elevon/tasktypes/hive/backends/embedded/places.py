"""Places in the text of an author, which is not all of what is run.

It owns how sqlglot counts, and how a place is spelled. It must never know a statement.
"""

from collections.abc import Mapping
from typing import Any, Final

from sqlglot import exp

from elevon.tasktypes.hive import texts

_PLACE: Final = "place"


class Places:
    """The places of a text that is run, told as those of the author's; lines and columns are counted from 1."""

    def __init__(self, text: str) -> None:
        self._start, end = texts.own_span(text)
        self._last_line = text.count("\n", 0, end) + 1
        self._last_column = end - (text.rfind("\n", 0, end) + 1)

    def spelled(self, line: int, column: int) -> str:
        """A place, as `line 2, column 8`."""
        if self.is_behind(line):
            line, column = self._last_line, self._last_column
        if line == 1:
            column -= self._start
        return f"line {line}, column {max(1, column)}"

    def is_behind(self, line: int) -> bool:
        """Whether a line is of what is written behind the author's text."""
        return line > self._last_line

    def note(self, tree: Any) -> None:
        """Have every name of a tree know its place."""
        for one in tree.find_all(exp.Identifier, exp.Func):
            if "line" in one.meta:
                one.meta[_PLACE] = self.spelled(*_beginning(one.meta))


def _beginning(meta: Mapping[str, Any]) -> tuple[int, int]:
    """Sqlglot knows the column of the last character."""
    return int(meta["line"]), int(meta["col"]) - (int(meta["end"]) - int(meta["start"]))


def of(name: Any) -> str:
    """The place of a name; empty for one that was not read in the text."""
    return "" if name is None else str(name.meta.get(_PLACE, ""))
