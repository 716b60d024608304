"""Where the document of `--output json` goes: stdout, and nothing else goes there.

It exists because a command runs code of others in its process, such as workflow files and executors, and these may
print. Loaded for every command, so it must import nothing that is slow.
"""

import contextlib
import sys
from collections.abc import Generator
from contextvars import ContextVar
from typing import TextIO

_KEPT: ContextVar[TextIO | None] = ContextVar("kept stdout", default=None)


@contextlib.contextmanager
def kept_free() -> Generator[None]:
    """Send to stderr whatever is printed meanwhile, and keep stdout for the document; it may be nested."""
    if _KEPT.get() is not None:
        yield
        return
    before = _KEPT.set(sys.stdout)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        _KEPT.reset(before)


def stream() -> TextIO:
    """Where the document goes."""
    return _KEPT.get() or sys.stdout
