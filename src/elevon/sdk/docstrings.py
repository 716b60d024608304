"""The part of a docstring that people see beside a task or a parameter.

It owns the reading of Google, NumPy and reST parameter sections, as far as descriptions go. It must never fail: a
docstring that it can't read has no descriptions.
"""

import inspect
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

_GOOGLE = re.compile(r"^\s+(?P<name>\w+)(?:\s*\([^)]*\))?:\s+(?P<text>\S.*)$")
_REST = re.compile(r"^\s*:param\s+(?:[^:]*\s)?(?P<name>\w+):\s*(?P<text>\S.*)$")
_NUMPY = re.compile(r"^(?P<name>\w+)\s*:(?:\s.*)?$")


@dataclass(frozen=True, slots=True)
class Docstring:
    """What a docstring says.

    Attributes:
        summary: The first paragraph, on one line.
        parameters: What is said of each parameter.
    """

    summary: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict[str, str])


def parse(text: str | None, names: Collection[str]) -> Docstring:
    """Read a docstring.

    Args:
        text: As it stands in the source; None for none.
        names: The parameters; what is said of anything else is ignored.
    """
    if not text:
        return Docstring()
    lines = inspect.cleandoc(text).splitlines()
    summary = " ".join(line.strip() for line in lines[: lines.index("") if "" in lines else None])
    found: dict[str, str] = {}
    name = ""
    indent = 0
    for position, line in enumerate(lines):
        depth = len(line) - len(line.lstrip())
        match = _GOOGLE.match(line) or _REST.match(line)
        numpy = _NUMPY.match(line)
        if match is not None and match["name"] in names:
            name, indent = match["name"], depth
            found[name] = match["text"].strip()
        elif numpy is not None and numpy["name"] in names and _is_indented(lines, position + 1):
            name, indent = numpy["name"], depth
            found[name] = ""
        elif name and line.strip() and depth > indent:
            found[name] = f"{found[name]} {line.strip()}".strip()
        else:
            name = ""
    return Docstring(summary, found)


def _is_indented(lines: list[str], position: int) -> bool:
    return position < len(lines) and lines[position].startswith((" ", "\t"))
