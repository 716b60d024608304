"""Whom the kernel ends when memory runs out."""

import contextlib
from pathlib import Path


def volunteer() -> None:
    """Let it be this process, and what it starts, rather than the engine that started it; on Linux."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500", encoding="ascii")
