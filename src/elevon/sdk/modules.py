"""The user's file as a module, and the workflows in it.

It owns how a path becomes a dotted name (from the first directory upward without `__init__.py`, as flytekit does)
and what can go wrong on the way. It must never run a workflow.
"""

import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from elevon import errors
from elevon.primitives import suggestions
from elevon.sdk import tracebacks
from elevon.sdk.tasks import RunnableTask, Task
from elevon.sdk.workflows import Workflow


class ModuleImportError(errors.UserError):
    """User code failed while it was imported.

    Attributes:
        traceback: The user's own frames.
    """

    def __init__(self, message: str, traceback: str) -> None:
        super().__init__(message)
        self.traceback = traceback


def make_importable(root: Path) -> None:
    """Put a project root to the front of `sys.path`."""
    if sys.path[:1] != [str(root)]:
        sys.path.insert(0, str(root))


def load_file(path: str | Path) -> ModuleType:
    """Import a file under its dotted name; its project root goes to the front of `sys.path`.

    Args:
        path: A Python file, in a package or not.

    Raises:
        ModuleImportError: The file, or what it imports, raised something.
        UserError: There is no such file, or it can't be a module.
    """
    file = Path(path).absolute()
    if not file.exists():
        raise errors.UserError(f"there is no file {path}: check the path, it is taken from {Path.cwd()}")
    if file.suffix != ".py" or not file.is_file():
        raise errors.UserError(f"{path} is no Python file: name a file that ends in .py")
    root, name = locate(file)
    _check_name(file, name)
    make_importable(root)
    module = load_module(name, str(path))
    found = Path(module.__file__ or "")
    if not found.exists() or not found.samefile(file):
        raise errors.UserError(
            f"{path} is hidden by {module.__file__}, another module {name!r}: rename the file"
        )
    return module


def locate(file: Path) -> tuple[Path, str]:
    """The project root of a file, and its dotted module name from there."""
    root = file.parent
    while (root / "__init__.py").exists() and root != root.parent:
        root = root.parent
    parts = list(file.relative_to(root).with_suffix("").parts)
    if parts[-1] == "__init__" and len(parts) > 1:
        parts.pop()
    return root, ".".join(parts)


def load_module(name: str, shown: str = "") -> ModuleType:
    """Import user code by name.

    Args:
        name: Dotted name.
        shown: What errors call it; its name unless given.

    Raises:
        ModuleImportError: It, or what it imports, raised something.
        UserError: It defines a task or workflow that is not possible.
    """
    try:
        return importlib.import_module(name)
    except errors.UserError:
        raise
    except (Exception, SystemExit) as error:
        where = tracebacks.place(error)
        said = error.msg if isinstance(error, SyntaxError) and where else error  # which repeats the place
        problem = f"{type(error).__name__}: {said}".removesuffix(": ")
        mend = "; install its package, or have its folder in PYTHONPATH"
        message = (
            f"{shown or name} can't be imported: {problem}{f' ({where})' if where else ''}"
            f"{mend if isinstance(error, ModuleNotFoundError) else ''}"
        )
        raise ModuleImportError(message, tracebacks.trimmed(error)) from error


def find_workflow(module: ModuleType, name: str) -> Workflow[..., Any] | Task[..., Any]:
    """A workflow or task of a module.

    Raises:
        UserError: There is none of that name; the text lists those that there are.
    """
    known = [
        key
        for key, value in vars(module).items()
        if isinstance(value, Workflow | Task) and not key.startswith("_")
    ]
    found: object = vars(module).get(name)
    if isinstance(found, Workflow | Task):
        return found  # pyright: ignore[reportUnknownVariableType] - its parameters can't be known
    file = module.__file__
    if found is not None:
        raise errors.UserError(
            f"{name!r} in {file} is neither a workflow nor a task: decorate it with @workflow"
        )
    raise errors.UserError(f"{file} has no workflow or task {name!r}: {suggestions.hint(name, known)}")


def find_task(module: ModuleType, name: str) -> RunnableTask[..., Any]:
    """A task with user code, by the name that its template gives.

    Raises:
        UserError: There is none of that name.
    """
    found: object = getattr(module, name, None)
    if not isinstance(found, RunnableTask):
        raise errors.UserError(
            f"{module.__name__} has no task {name!r} with code to run: was it renamed or removed?"
        )
    return found  # pyright: ignore[reportUnknownVariableType] - its parameters can't be known


def _check_name(file: Path, name: str) -> None:
    bad = [part for part in name.split(".") if not part.isidentifier()]
    if bad:
        raise errors.UserError(
            f"{file} can't be imported: {bad[0]!r} is no Python name, use letters, digits and _"
        )
    top = name.split(".", maxsplit=1)[0]
    if top in sys.stdlib_module_names or top == "elevon":
        raise errors.UserError(
            f"{file} can't be imported: {top!r} is a module of Python or elevon, rename the file"
        )
