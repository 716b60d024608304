"""A process in the background that drives an execution, in a session of its own.

It is `elevon resume`, so that there is one way in which executions are driven; what it says goes to a log in the home.
"""

import subprocess
import sys
from pathlib import Path

from elevon import errors
from elevon.cli.invocations import Invocation
from elevon.records.identities import ExecutionId


def start(execution: ExecutionId, invocation: Invocation) -> Path:
    """Start it; returns the file that its lines go to.

    Raises:
        UnavailableError: It can't be started.
    """
    log = invocation.home.detached_log(execution)
    words = invocation.words("resume", execution.name)
    if "--home" not in words:
        words += ["--home", str(invocation.home.path)]
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as stream:
            subprocess.Popen(  # noqa: S603 - our own command line, word by word
                [sys.executable, "-m", "elevon", *words],
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                start_new_session=True,
            )
    except OSError as error:
        raise errors.UnavailableError(
            f"no process could be started in the background ({error}): go on with "
            f"{invocation.command('resume', execution.name)}"
        ) from error
    return log
