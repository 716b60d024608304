"""How durations, instants and values are written for people.

One spelling for each everywhere on the command line. It must never be parsed by a program: documents are for that.
"""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from elevon.records.failures import Failure

_LINE_LENGTH = 88
_MINUTE_S = 60
_HOUR_S = 3600
_TENTHS_BELOW_S = 10
_MODULE = re.compile(
    r"\A(\w+\.)+(?=\w+(:|\Z))"
)  # which stands before the name of an exception in a traceback
_ENDED_CODES = ("USER:Aborted", "SYSTEM:Stopped")  # nobody has made a mistake


def duration(span: timedelta) -> str:
    """A span in the two units that matter: `0.04 s`, `12 s`, `3 min 4 s`, `2 h 5 min`."""
    seconds = max(0.0, span.total_seconds())
    if seconds < 1:
        return f"{seconds:.2f} s"
    if seconds < _TENTHS_BELOW_S:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _MINUTE_S:
        return f"{whole} s"
    if whole < _HOUR_S:
        return f"{whole // _MINUTE_S} min {whole % _MINUTE_S} s"
    return f"{whole // _HOUR_S} h {whole % _HOUR_S // _MINUTE_S} min"


def between(started_at: datetime | None, ended_at: datetime | None) -> str:
    """The time from one instant to another; empty while one of them is missing."""
    return duration(ended_at - started_at) if started_at and ended_at else ""


def taken(started_at: datetime | None, ended_at: datetime | None, now: datetime) -> str:
    """How long something took, `` in 3 s``, or has taken up to now, `` for 3 s``; empty if it has not started."""
    if started_at is None:
        return ""
    return f" in {duration(ended_at - started_at)}" if ended_at else f" for {duration(now - started_at)}"


def instant(moment: datetime | None) -> str:
    """An instant in the local time zone, which is named, to the second; empty for none."""
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S %Z") if moment else ""


def value(content: Any) -> str:
    """What an output holds: text as it is, everything else as JSON, over several lines where one is too short."""
    if isinstance(content, str):
        return content
    line = json.dumps(content, ensure_ascii=False)
    return line if len(line) <= _LINE_LENGTH else json.dumps(content, ensure_ascii=False, indent=2)


def values(contents: Mapping[str, Any]) -> list[str]:
    """Named values, a line each; a value of several lines is indented below its name."""
    lines: list[str] = []
    for name, content in contents.items():
        text = value(content)
        if "\n" in text:
            lines += [f"  {name}:", *(f"    {line}" for line in text.splitlines())]
        else:
            lines.append(f"  {name}: {text}")
    return lines


def first_line(text: str) -> str:
    """The first line of a text, for places that have room for one."""
    return text.partition("\n")[0]


def table(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    """Rows in columns under a header, as lines without trailing spaces."""
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in [header, *rows]
    ]


def failure(found: Failure) -> Iterator[str]:
    """Why something failed: who has to act, what happened, and the user's own frames; why it was ended if it was."""
    is_error = found.code not in _ENDED_CODES
    yield f"{found.kind.lower()} error: {found.message}" if is_error else found.message
    frames = found.traceback.rstrip()
    for line in frames[: len(frames) - len(_said_again(frames, found.message))].splitlines():
        yield f"  {line}"


def _said_again(frames: str, message: str) -> str:
    """The end of frames that the message says too: the exception, which may have several lines."""
    start = len(frames)
    while (start := frames.rfind("\n", 0, start)) >= 0 and len(frames) - start <= len(message) + _LINE_LENGTH:
        end = _MODULE.sub("", frames[start + 1 :])
        if message == end or message.endswith(f": {end}"):
            return frames[start:]
    return ""
