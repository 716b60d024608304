"""Where a task or a workflow is defined, and what makes a function unfit to be one.

It owns the place that every error of the SDK names (what, name, file, line), and the checks that need the function
alone. It must never look at annotations: `interfaces` does.
"""

import dis
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from elevon import errors


@dataclass(frozen=True, slots=True)
class Site:
    """The place of a definition.

    Attributes:
        kind: `task` or `workflow`.
        module: Dotted name of the module.
        name: Name of the function or of the task in its module.
        path: The file.
        line: Line in the file, from 1.
    """

    kind: str
    module: str
    name: str
    path: str
    line: int

    @property
    def full_name(self) -> str:
        """The name on the wire."""
        return f"{self.module}.{self.name}"

    def error(self, problem: str) -> errors.UserError:
        """The error that tells of a problem with this definition, by name and place."""
        return errors.UserError(f"{self}: {problem}")

    def __str__(self) -> str:
        return f"{self.kind} {self.full_name} ({self.path}:{self.line})"


def of_function(kind: str, function: Callable[..., Any]) -> Site:
    """The site of a function that is to become a task or a workflow.

    Raises:
        UserError: It is no plain, named function.
    """
    if not inspect.isfunction(function):
        raise errors.UserError(f"@{kind} takes a function, and {function!r} is none: define it with def")
    code = inspect.unwrap(function).__code__
    site = Site(kind, function.__module__, function.__name__, code.co_filename, code.co_firstlineno)
    if function.__name__ == "<lambda>":
        raise site.error("a lambda has no name to be found by: define it with def")
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise site.error(
            "async functions are not supported: define it with def, and use asyncio.run inside a task"
        )
    if inspect.isgeneratorfunction(function):
        raise site.error("a generator can't be sent to another process: return a list instead")
    return site


def of_caller(kind: str, name: str, instance: object) -> Site:
    """The site of an instance that is being constructed: the first frame that is not its own `__init__`."""
    frame = sys._getframe(1)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - inspect.stack() reads every source
    while (
        frame.f_back is not None
        and frame.f_code.co_name == "__init__"
        and frame.f_locals.get("self") is instance
    ):
        frame = frame.f_back
    module = str(frame.f_globals.get("__name__", "__main__"))
    return Site(kind, module, name, frame.f_code.co_filename, frame.f_lineno)


def returns_value(function: Callable[..., Any]) -> bool:
    """Whether some `return` of a function gives anything but the constant None."""
    previous = None
    for instruction in dis.get_instructions(inspect.unwrap(function)):
        if instruction.opname == "RETURN_CONST" and instruction.argval is not None:
            return True
        if instruction.opname == "RETURN_VALUE" and not (
            previous is not None and previous.opname == "LOAD_CONST" and previous.argval is None
        ):
            return True
        previous = instruction
    return False
