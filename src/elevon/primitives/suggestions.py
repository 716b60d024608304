"""The end of a sentence about a name that does not exist: what may have been meant, or what there is."""

import difflib
import itertools
from collections.abc import Iterable
from typing import Final

SHOWN_COUNT: Final = 12
SEARCHED_COUNT: Final = 200


def hint(name: str, known: Iterable[str]) -> str:
    """The nearest known name as a question, or the known names.

    Only the first names are looked at, so that thousands of unknown names among thousands do not take hours.
    """
    names = sorted(set(itertools.islice(known, SEARCHED_COUNT)))
    nearest = difflib.get_close_matches(name, names, n=1)
    if nearest:
        return f"did you mean {nearest[0]!r}?"
    if not names:
        return "there are none"
    shown = ", ".join(repr(each) for each in names[:SHOWN_COUNT])
    return f"there {'is' if len(names) == 1 else 'are'} {shown}{', ...' if len(names) > SHOWN_COUNT else ''}"
