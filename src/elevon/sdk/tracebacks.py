"""Tracebacks as the user wants them: the user's own frames, without the engine's.

It must never hide a frame of user code, nor of a library that user code called.
"""

import traceback
from pathlib import Path

import elevon

_OWN = str(Path(elevon.__file__).parent)


def trimmed(error: BaseException) -> str:
    """The traceback of an error and of its causes; empty if no frame of them is the user's.

    Args:
        error: What was raised, with its traceback.
    """
    rendered = traceback.TracebackException.from_exception(error, compact=True)
    return "".join(rendered.format()) if _trim(rendered, set()) else ""


def place(error: BaseException) -> str:
    """`FILE:LINE` of the innermost frame of the user; empty if there is none."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not _is_own(frame.filename)]
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""


def _trim(rendered: traceback.TracebackException, seen: set[int]) -> bool:
    """Remove our frames in place; says whether any frame is left."""
    if id(rendered) in seen:
        return False
    seen.add(id(rendered))
    kept = [frame for frame in rendered.stack if not _is_own(frame.filename)]
    rendered.stack = traceback.StackSummary.from_list(kept)
    causes = [cause for cause in (rendered.__cause__, rendered.__context__) if cause is not None]
    return any([bool(kept), *(_trim(cause, seen) for cause in causes)])


def _is_own(path: str) -> bool:
    return path.startswith((_OWN, "<frozen importlib"))
