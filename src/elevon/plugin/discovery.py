"""Where executors come from: installed packages, and `module:Class` for one that is being written.

It owns importing and constructing what a stranger wrote, and turns whatever that raises into one sentence. It must
never decide which of them are served: the registry does.
"""

import importlib
import sys
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

from elevon import errors
from elevon.plugin import declarations
from elevon.plugin.executors import Executor
from elevon.plugin.states import StateCodec
from elevon.primitives import suggestions

ENTRY_POINT_GROUP = "elevon.tasktypes"


class Problem(NamedTuple):
    """An executor, or a whole host of executors, that can't be had.

    Attributes:
        name: Of an entry point, by custom the task type; or of a host.
        sentence: Names it, and what is wrong with it.
        is_of_host: Whether it is a host, of which nobody knows which types it would serve.
    """

    name: str
    sentence: str
    is_of_host: bool = False


def load_executor(reference: str, directory: Path | None = None) -> Executor[Any, Any]:
    """The executor that `module:Class` names, which may stand beside what is being run.

    Args:
        reference: What `--tasktype` was given.
        directory: Made importable first, as Python does for a script; the current one by default.

    Raises:
        UserError: There is no such module or class, its import or construction raises, or it is no executor.
    """
    place = str((directory or Path.cwd()).resolve())
    if place not in sys.path:
        sys.path.insert(0, place)
    return import_executor(reference)


def import_executor(reference: str) -> Executor[Any, Any]:
    """The executor that `module:Class` names, constructed.

    Raises:
        UserError: There is no such module or class, its import or construction raises, or it is no executor.
    """
    module_name, colon, class_name = reference.partition(":")
    if not (colon and module_name and class_name):
        raise errors.UserError(
            f"{reference!r} names no executor: write MODULE:CLASS, such as my_types.sleep:SleepExecutor"
        )
    try:
        module = importlib.import_module(module_name)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a stranger's import may raise anything, and even exit
        mend = ""
        if isinstance(error, ModuleNotFoundError) and f"{module_name}.".startswith(f"{error.name}."):
            mend = "; install its package, or have its folder in PYTHONPATH or as the current directory"
        raise errors.UserError(
            f"{reference}: importing {module_name} raised {_in_words(error)}{mend}"
        ) from error
    found: Any = module
    for part in class_name.split("."):
        if not hasattr(found, part):
            raise errors.UserError(
                f"{reference}: {module_name} has no {class_name}: {suggestions.hint(part, _executors_in(module))}"
            )
        found = getattr(found, part)
    return construct(found)


def construct(executor: object) -> Executor[Any, Any]:
    """An instance of an executor class.

    Raises:
        UserError: It is no executor class, JSON can't hold its state, or its construction raises.
    """
    cls = declarations.check_class(executor)
    try:
        StateCodec(declarations.declared_types(cls).state)
    except errors.UserError as error:
        raise errors.UserError(f"{declarations.path_of(cls)}: {error}") from error
    try:
        return cls()
    except Exception as error:
        raise errors.UserError(
            f"constructing {declarations.path_of(cls)} raised {_in_words(error)}"
        ) from error


def discover(
    entry_points: Iterable[metadata.EntryPoint] | None = None,
) -> tuple[list[Executor[Any, Any]], list[Problem]]:
    """The executors that installed packages offer, and why others can't be had.

    A broken package costs its own types only, so this never raises for one.

    Args:
        entry_points: What to look at; by default the group `elevon.tasktypes` of everything installed.
    """
    found: list[Executor[Any, Any]] = []
    problems: list[Problem] = []
    offered = metadata.entry_points(group=ENTRY_POINT_GROUP) if entry_points is None else entry_points
    for entry_point in sorted(offered, key=lambda one: (one.name, one.value)):
        origin = f"the entry point {entry_point.name} = {entry_point.value}"
        try:
            found.append(construct(entry_point.load()))
        except errors.UserError as error:
            problems.append(Problem(entry_point.name, f"{origin}: {error}"))
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - a stranger's import may raise anything, and even exit
            problems.append(Problem(entry_point.name, f"{origin}: importing it raised {_in_words(error)}"))
    return found, problems


def package_of(executor: type) -> str:
    """Name and version of the installed package that offers a class by an entry point; empty if none does."""
    path = declarations.path_of(executor)
    for entry_point in metadata.entry_points(group=ENTRY_POINT_GROUP):
        if entry_point.value == path and entry_point.dist is not None:
            return f"{entry_point.dist.name} {entry_point.dist.version}"
    return ""


def _executors_in(module: object) -> list[str]:
    return [
        name
        for name, value in vars(module).items()
        if declarations.is_executor(value) and value is not Executor
    ]


def _in_words(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
