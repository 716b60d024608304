"""Texts in Hive's language, as far as both sides have to know them: placeholders, statements, and what we add.

It owns what is written around an author's SELECT, by which places in it are told. It must never know what a statement
means.
"""

import re
from collections.abc import Collection, Iterator
from typing import Final, NamedTuple

from elevon import errors
from elevon.idl import placeholders
from elevon.primitives import suggestions

# The two blanks tell them from the same words of an author's, and lines keep their numbers: errors name them.
_WRITE: Final = "INSERT OVERWRITE DIRECTORY '{{ .rawOutputDataPrefix }}' STORED AS PARQUET  "
_WRAP: Final = "SELECT * FROM  ("
_WRAP_END: Final = "\n) AS selected"
_HEAD: Final = re.compile(
    r"INSERT OVERWRITE DIRECTORY '[^']*' STORED AS PARQUET  (?P<wrap>SELECT \* FROM  \()?"
)
_WITH: Final = re.compile(r"with\b", re.IGNORECASE)
_TOKEN: Final = re.compile(
    r"""
    (?P<comment> --[^\n]* | /\*[\s\S]*?\*/ )
    | '(?:\\.|[^'\\])*' | "(?:\\.|[^"\\])*" | `[^`]*`
    | (?P<end> ; )
    """,
    re.VERBOSE,
)


class Statement(NamedTuple):
    """One statement of a text.

    Attributes:
        start: Where it begins in the text.
        end: Where it ends, without the semicolon.
        bare: What it says, without comments.
    """

    start: int
    end: int
    bare: str


def statements_of(text: str) -> Iterator[Statement]:
    """Those that hold more than comments; all of the text if none does."""
    start, is_empty = 0, True
    for end in (*(token.start() for token in _TOKEN.finditer(text) if token["end"]), len(text)):
        bare = _TOKEN.sub(_without_comment, text[start:end]).strip()
        if bare:
            is_empty = False
            blank_count = len(text[start:end]) - len(text[start:end].lstrip())
            yield Statement(start + blank_count, end, bare)
        start = end + 1
    if is_empty:
        yield Statement(0, len(text), text.strip())


def _without_comment(token: re.Match[str]) -> str:
    return " " if token["comment"] else token[0]


def written(text: str) -> str:
    """A text that writes the rows of a SELECT to the data set; one that says itself what it writes stays as it is.

    Raises:
        UserError: It has several statements, of which none says what it writes.
    """
    if "rawoutputdataprefix" in text.lower():
        return text
    first, *others = statements_of(text)
    if others:
        line = text.count("\n", 0, others[0].start) + 1
        raise errors.UserError(
            f"query: a SELECT for a data set is one statement, and a second one begins at line {line}: give the others "
            "as queries of their own, after=[...], or write INSERT OVERWRITE DIRECTORY '{{ .rawOutputDataPrefix }}' "
            "STORED AS PARQUET before the SELECT"
        )
    body = text[: first.end].rstrip()
    if _WITH.match(first.bare):  # Hive takes no WITH between INSERT and SELECT
        return f"{_WRITE}{_WRAP}{body}{_WRAP_END}"
    return f"{_WRITE}{body}"


def own_span(text: str) -> tuple[int, int]:
    """Where in a text that is run the author's begins and ends."""
    head = _HEAD.match(text)
    if head is None:
        return 0, len(text)
    return head.end(), len(text) - len(_WRAP_END) if head["wrap"] else len(text)


def problem_of_placeholders(text: str, input_names: Collection[str]) -> str:
    """What stands in double braces and for nothing, with the mend; empty if nothing does."""
    for spelled, name in placeholders.unknown(text, input_names):
        if not name:
            return (
                f"{spelled} stands for nothing: write {{{{ .inputs.NAME }}}} for an input, "
                "{{ .rawOutputDataPrefix }} or {{ .perRetryUniqueKey }}"
            )
        if not input_names:
            return f"{spelled} stands for nothing: there are no inputs for the text, put the value itself into it"
        return (
            f"{spelled} stands for nothing, there is no input {name!r}: {suggestions.hint(name, input_names)}"
        )
    return ""
