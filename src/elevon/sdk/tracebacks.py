"""Tracebacks as the user wants them: the user's own frames, without those that led there.

It must never hide a frame of user code, nor of a library that user code called.
"""

import importlib
import itertools
import traceback
from pathlib import Path

import elevon

_OWN = str(Path(elevon.__file__).parent)
_LEADING = (_OWN, "<frozen importlib", importlib.__file__)


def trimmed(error: BaseException) -> str:
    """The traceback of an error and of its causes; empty if no frame of them is the user's.

    Args:
        error: What was raised, with its traceback.
    """
    rendered = traceback.TracebackException.from_exception(error, compact=True)
    has_frames = _trim(rendered)
    return "".join(rendered.format()) if has_frames or isinstance(error, SyntaxError) else ""


def place(error: BaseException) -> str:
    """`FILE:LINE` of the innermost frame of the user; empty if there is none."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    frames = _users(traceback.extract_tb(error.__traceback__))
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""


def _trim(rendered: traceback.TracebackException) -> bool:
    """Remove our frames in place; says whether any frame is left."""
    frames = _users(rendered.stack)
    rendered.stack = traceback.StackSummary.from_list(frames)
    causes = [cause for cause in (rendered.__cause__, rendered.__context__) if cause is not None]
    return any([bool(frames), *map(_trim, causes)])


def _users(frames: traceback.StackSummary) -> list[traceback.FrameSummary]:
    led = itertools.dropwhile(lambda frame: frame.filename.startswith(_LEADING), frames)
    return [frame for frame in led if not frame.filename.startswith((_OWN, "<frozen importlib"))]
