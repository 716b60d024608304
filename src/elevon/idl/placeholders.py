"""The names of the placeholders of Flyte's templates, `{{ .input }}` and the like, which both sides have to know.

What each stands for is known where a template is carried out.
"""

import re
from collections.abc import Collection, Iterator
from typing import Final

PATTERN: Final = re.compile(r"\{\{\s*[.$](\w+(?:\.\w+)?)\s*\}\}")
NAMES: Final = frozenset(
    {
        "input",
        "inputprefix",
        "outputprefix",
        "rawoutputdataprefix",
        "perretryuniquekey",
        "namespace",
        "checkpointoutputprefix",
        "prevcheckpointprefix",
    }
)
"""In small letters, as which they are compared; `inputs.NAME` is known for each input beside them."""

_BRACED: Final = re.compile(r"\{\{[^{}\n]*\}\}")


def unknown(text: str, input_names: Collection[str]) -> Iterator[tuple[str, str]]:
    """What stands in double braces and for nothing, with the name of the input that it asks for, if it asks for one."""
    for found in _BRACED.finditer(text):
        named = PATTERN.fullmatch(found[0])
        family, _, name = named[1].partition(".") if named else ("", "", "")
        is_input = bool(name) and family.lower() == "inputs"
        is_known = name in input_names if is_input else bool(named) and named[1].lower() in NAMES
        if not is_known:
            yield found[0], name if is_input else ""
