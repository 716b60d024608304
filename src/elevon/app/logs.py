"""The log of an engine: its levels and formats, and the masking of secrets in it.

It exists so that a line says for which execution, node and attempt it was written, whoever wrote it: elevon and
executors log by the standard library, and what is known of the call that runs is added here. JSON is written without a
library for it, because the one that would do it takes longer to import than a small run takes.
"""

import contextlib
import logging
import sys
from collections.abc import Generator
from datetime import UTC, datetime
from typing import Any, Final, Literal, TypeAlias

import msgspec

from elevon.primitives import log_contexts
from elevon.primitives.redaction import Redactor

Format: TypeAlias = Literal["text", "json"]
Level: TypeAlias = Literal["debug", "info", "warning", "error"]

_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_UNCONFIGURED: Final = logging.Formatter("%(message)s")


class LogSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the log of a command is to be.

    Attributes:
        format: `text` for people, `json` for one document a line; None for text.
        level: The least level that is written; None for warnings.
    """

    format: Format | None = None
    level: Level | None = None

    def over(self, other: "LogSettings") -> "LogSettings":
        """These settings, and the other's where these say nothing."""
        return LogSettings(format=self.format or other.format, level=self.level or other.level)


def configure(settings: LogSettings) -> None:
    """Let this process write its log to stderr as the settings say; without any it writes bare warnings."""
    if settings == LogSettings():
        return
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if settings.format == "json" else TextFormatter())
    logging.basicConfig(level=(settings.level or "warning").upper(), handlers=[handler], force=True)


@contextlib.contextmanager
def masked(redactor: Redactor) -> Generator[None]:
    """Mask secrets in whatever the handlers write that this process has now, and after that as before."""
    handlers = [*logging.getLogger().handlers, *([logging.lastResort] if logging.lastResort else [])]
    before = [(handler, handler.formatter) for handler in handlers]
    for handler, formatter in before:
        handler.setFormatter(_MaskingFormatter(formatter or _UNCONFIGURED, redactor))
    try:
        yield
    finally:
        for handler, formatter in before:
            handler.setFormatter(formatter)


class TextFormatter(logging.Formatter):
    """A line for people, with what it was written for at its end."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the standard library's name
        """The line, tracebacks aside."""
        context = log_contexts.current()
        line = super().formatMessage(record)
        if context is None:
            return line
        return f"{line} [{' '.join(f'{name}={value}' for name, value in context._asdict().items())}]"


class JsonFormatter(logging.Formatter):
    """A document a line: `at`, `level`, `logger`, `message`, what it was written for, and what the caller added."""

    def format(self, record: logging.LogRecord) -> str:
        """The document; what is no data of JSON stands in it as text."""
        document: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        context = log_contexts.current()
        if context is not None:
            document |= context._asdict()
        document |= {name: value for name, value in vars(record).items() if name not in _OWN}
        if record.exc_info:
            document["traceback"] = self.formatException(record.exc_info)
        try:
            return msgspec.json.encode(document, enc_hook=str).decode()
        except (TypeError, ValueError):  # keys that are no text, text that is no Unicode
            return msgspec.json.encode({name: ascii(value) for name, value in document.items()}).decode()


class _MaskingFormatter(logging.Formatter):
    """Another formatter's text, masked."""

    def __init__(self, formatter: logging.Formatter, redactor: Redactor) -> None:
        super().__init__()
        self._formatter = formatter
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        return self._redactor.text(self._formatter.format(record))
