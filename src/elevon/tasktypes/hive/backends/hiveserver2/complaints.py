"""What a HiveServer2 says of a query that failed, made fit for the person who wrote it.

The server answers with the trace of a Java exception; the sentence that matters, with its line and position, is in its
first lines. It owns which failures are the query's own.
"""

import re
from typing import Final

# Of SQLSTATE (ISO 9075-2): dynamic SQL, features, syntax and access, limits; what depends on the data may pass.
_OF_THE_QUERY: Final = frozenset({"07", "0A", "42", "54"})
_WORDS_OF_REFUSAL: Final = (
    "Cannot modify",
    "SCHEMA_NOT_FOUND",
    "Database does not exist",
    "NoSuchDatabaseException",
    "not found in catalog",
)
_TRACE: Final = re.compile(r"\n\s*at [\w.$]+")
_PLAN: Final = re.compile(r";\s*\n['+: ]*[A-Z][\s\S]*$")
_CLASS: Final = re.compile(r"\*?\b(?:[a-z][\w$]*\.)+[A-Z][\w$]*(?:Exception|Error):\s*")
_REPEATED: Final = re.compile(r"(\[[A-Z][A-Z_.0-9]*\])\s*(?=\1)")
_PREAMBLES: Final = (
    "Error running query: ",
    "Error while compiling statement: ",
    "Error while processing statement: ",
)
_LONGEST: Final = 4000


def is_of_the_query(sql_state: str, said: str) -> bool:
    """Whether the same query fails again, whenever it is run."""
    return sql_state[:2] in _OF_THE_QUERY or any(words in said for words in _WORDS_OF_REFUSAL)


def shortened(said: str) -> str:
    """The complaint without its trace, its plan and the names of Java's classes."""
    text = _TRACE.split(said, maxsplit=1)[0]
    text = _PLAN.sub("", _CLASS.sub("", text))
    for preamble in _PREAMBLES:
        text = text.replace(preamble, "")
    text = _REPEATED.sub("", text)
    return text.strip()[:_LONGEST]
