"""The entry point of `elevon`: parse, run one command, and turn whatever happens into a sentence and an exit code.

It owns the promise that nobody sees a traceback of ours without `--debug`.
"""

import contextlib
import errno
import io
import os
import signal
import sys
import threading
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO, cast

from elevon import errors
from elevon.cli import answers, exits, grammar


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line.

    Args:
        arguments: What stands behind `elevon`; by default what this process was started with.

    Returns:
        The exit code, one of `exits.Exit`.
    """
    given = sys.argv[1:] if arguments is None else list(arguments)
    _learn_of_children()
    _open_what_is_closed()
    _spell_what_can_not_be_written()
    options = None
    try:
        options = grammar.parse(given)
        if options.debug:
            grammar.log_everything()
        is_json = getattr(options, "output", None) == "json"
        with answers.kept_free() if is_json else contextlib.nullcontext():
            code = int(options.run(options))
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our output has gone; without this, Python complains once more when it flushes at exit.
        _give_up(sys.stdout)
        return exits.Exit.PIPE_CLOSED
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    except KeyboardInterrupt:
        return exits.Exit.SUSPENDED
    except Exception as error:  # noqa: BLE001 - the last resort of the program: it is shown, never swallowed
        return _report(error, is_debugging=options.debug if options else "--debug" in given)
    return code


def _learn_of_children() -> None:
    """Learn how children end, also where the parent has their ends ignored, as some supervisors do.

    Ignored signals are inherited, and then the system forgets every exit code at once.
    """
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)


def _open_what_is_closed() -> None:
    """Have stdin, stdout and stderr, also where the parent has closed them.

    Else the next file that is opened, such as the state database, has the number of one, and is written what somebody
    prints.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - as long as the process


def _spell_what_can_not_be_written() -> None:
    """Write a character that the encoding of stdout lacks by its number, as Python does on stderr."""
    stream: object = sys.stdout
    if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
        cast("io.TextIOWrapper", stream).reconfigure(errors="backslashreplace")


def _give_up(stream: TextIO) -> None:
    """Write nothing more to a stream that can't be written, nor what is left of it when Python ends."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _only_one(error: Exception) -> Exception:
    """The error that a group of one stands for; tasks of a loop raise in groups."""
    if isinstance(error, ExceptionGroup):
        group = cast("ExceptionGroup[Exception]", error)
        return _only_one(group.exceptions[0]) if len(group.exceptions) == 1 else group
    return error


def _report(error: Exception, *, is_debugging: bool) -> int:
    if is_debugging:
        traceback.print_exception(error)
    error = _only_one(error)
    match error:
        case exits.EngineStoppedError():
            code, sentence = exits.Exit.STOPPED, str(error)
        case OSError(errno=errno.ENOSPC | errno.EDQUOT):
            place = f"{error.filename}" if error.filename else "what was to be written"
            code, sentence = exits.Exit.STOPPED, f"there is no room for {place} ({error.strerror}): make room"
            _give_up(sys.stdout)
        case errors.BugError():
            code, sentence = exits.Exit.BUG, f"{error} (a bug of elevon: --debug shows the traceback)"
        case errors.ElevonError():
            code, sentence = exits.Exit.USAGE, str(error)
        case _:
            said = " ".join(f"{type(error).__name__}: {error}".split())
            code, sentence = exits.Exit.BUG, f"this is a bug of elevon: {said} (--debug shows the traceback)"
    try:
        print(f"elevon: {sentence}", file=sys.stderr, flush=True)
    except OSError:
        _give_up(sys.stderr)  # the exit code has to say it alone
    return code
