"""Hive's language as sqlglot reads it, but for what it would change on the way.

It owns which calls are left as their author wrote them. It must never know what they mean.
"""

from typing import Any, ClassVar, Final

from sqlglot.dialects.hive import Hive

_PATTERNED: Final = ("DATE_FORMAT", "FROM_UNIXTIME", "UNIX_TIMESTAMP")
"""sqlglot reads their patterns of times, and passes over letters and quotes that it does not know."""


_FUNCTIONS: Final[dict[str, Any]] = dict(vars(Hive.Parser)["FUNCTIONS"])


class EmbeddedHive(Hive):
    """What texts are read as."""

    class Parser(Hive.Parser):
        """With fewer functions."""

        FUNCTIONS: ClassVar[dict[str, Any]] = {
            name: made for name, made in _FUNCTIONS.items() if name not in _PATTERNED
        }
