"""The program that looks at its own environment: which executors there are, and what they say of themselves.

The engine starts it as `python -P -m elevon.plugin.processes.describing`, with an `Inquiry` on stdin; the `Findings` go
to stdout. It must never initialize an executor.
"""

import contextlib
import os
import signal
import sys
from typing import Any

import msgspec

import elevon
from elevon import errors
from elevon.plugin import discovery, implementations
from elevon.plugin.descriptions import Description
from elevon.plugin.executors import Executor
from elevon.plugin.implementations import Implementation
from elevon.plugin.processes.protocol import VERSION, Findings, Inquiry

TIME_LIMIT_S = 60


def find(inquiry: Inquiry) -> Findings:
    """Answer."""
    problems: list[tuple[str, str]] = []
    if inquiry.tasktypes:
        made: list[Executor[Any, Any]] = []
        for reference in inquiry.tasktypes:
            try:
                made.append(discovery.import_executor(reference))
            except errors.UserError as error:
                problems.append((reference, str(error)))
    else:
        made, broken = discovery.discover()
        problems += [(problem.name, problem.sentence) for problem in broken]
    found: list[Description] = []
    for executor in made:
        try:
            config = implementations.configure(executor, inquiry.configuration.get(executor.id, {}))
        except errors.UserError as error:
            return _findings(refused=str(error))
        found.append(Implementation.of(executor, config).describe(discovery.package_of(type(executor))))
    return _findings(executors=tuple(found), problems=tuple(problems))


def _findings(**more: Any) -> Findings:
    return Findings(version=VERSION, elevon=elevon.__version__, **more)


def main() -> None:
    """Read the inquiry, write the findings; whatever is imported may write to stdout meanwhile."""
    signal.alarm(TIME_LIMIT_S)  # whoever asked may be gone, and an import may hang
    answer_fd = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    inquiry = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Inquiry)
    sys.path.extend(place for place in inquiry.import_path if place not in sys.path)
    content = msgspec.msgpack.encode(find(inquiry))
    with contextlib.suppress(BrokenPipeError), os.fdopen(answer_fd, "wb") as answer:
        answer.write(content)
    sys.stderr.flush()
    os._exit(0)  # threads that an import has started may not end


if __name__ == "__main__":
    main()
