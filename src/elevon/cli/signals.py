"""What signals do to a command that drives executions.

A first one asks it to suspend, so that everything stays resumable; a second one ends the process at once, which loses
nothing that was durable either.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Generator
from typing import Final

from elevon.cli import exits

SUSPENDING: Final = "suspending; what runs is left to be taken up again (once more to end at once)"
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _end(_number: int, _frame: object) -> None:
    os._exit(exits.Exit.SUSPENDED)


@contextlib.contextmanager
def caught(first: Callable[[], None], second: Callable[[], None]) -> Generator[None]:
    """Catch signals on the running loop.

    Args:
        first: What the first one does.
        second: What is done, on the second one, right before the end.
    """
    loop = asyncio.get_running_loop()
    is_first = True

    def interrupt() -> None:
        nonlocal is_first
        if not is_first:
            second()
            os._exit(exits.Exit.SUSPENDED)
        is_first = False
        first()

    for number in _SIGNALS:
        loop.add_signal_handler(number, interrupt)
    try:
        yield
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
            if not is_first:  # the command is at its end, and one more signal ends it as it would have before
                signal.signal(number, _end)
