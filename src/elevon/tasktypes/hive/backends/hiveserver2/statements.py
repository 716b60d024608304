"""Scripts of several statements, of which a HiveServer2 takes one at a time.

What precedes the query may change its session alone; so there is one thing to follow, and to begin once.
"""

import re
from typing import Final, NamedTuple

from elevon import errors
from elevon.tasktypes.hive import texts

_OF_THE_SESSION: Final = re.compile(
    r"(set|reset|use|add\s+(jars?|files?|archives?)|create\s+(or\s+replace\s+)?temporary\s+(function|macro|view))\b",
    re.IGNORECASE,
)
_REPEATABLE: Final = re.compile(
    r"(select|show|describe|desc|explain|insert\s+overwrite"
    r"|(create|drop)\s+(\w+\s+){1,2}if\s+(not\s+)?exists)\b",
    re.IGNORECASE,
)
_WITH: Final = re.compile(r"with\b", re.IGNORECASE)
_REPLACED: Final = re.compile(
    r"\binsert\s+overwrite\s+(?:table\s+)?(?!(?:local|directory)\b)([\w.`]+)", re.IGNORECASE
)
_WRITES: Final = re.compile(r"\binsert\s+into\b", re.IGNORECASE)


class Script(NamedTuple):
    """What is sent.

    Attributes:
        settings: Statements that change the session, in their order.
        query: The last statement, where it stands in the text, so that the server's lines and columns are the
            author's.
    """

    settings: tuple[str, ...]
    query: str


def script_of(text: str, mark: str = "") -> Script:
    """Take a text apart.

    Args:
        text: One statement, and perhaps some before it.
        mark: Written in a comment behind the query, for people who look at the server.

    Raises:
        UserError: It holds more than one statement that does more than change the session.
    """
    *before, last = texts.statements_of(text)
    for statement in before:
        if not _OF_THE_SESSION.match(statement.bare):
            line = text.count("\n", 0, statement.start) + 1
            raise errors.UserError(
                f"query: the statement at line {line} is followed by another, and the hive backend 'hiveserver2' runs "
                "one statement a query, after any number of SET, USE, ADD and CREATE TEMPORARY: make a query of each"
            )
    blank = re.sub(r"\S", " ", text[: last.start])
    query = f"{blank}{text[last.start : last.end]}"
    if mark and not _OF_THE_SESSION.match(last.bare):  # a SET takes all that follows for the value
        query = f"{query}\n-- {mark}"
    return Script(tuple(statement.bare for statement in before), query)


def is_repeatable(text: str) -> bool:
    """Whether a query may run twice and leave the same as once: it reads, or replaces what it does not read."""
    bare = list(texts.statements_of(text))[-1].bare
    for replaced in _REPLACED.finditer(bare):
        table = replaced[1].replace("`", "").rpartition(".")[2]
        if len(re.findall(rf"\b{re.escape(table)}\b", bare, re.IGNORECASE)) > 1:
            return False
    if _WITH.match(bare):
        return not _WRITES.search(bare)
    return _REPEATABLE.match(bare) is not None
