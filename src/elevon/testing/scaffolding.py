"""`elevon tasktype new`: a package with a task type that works, for its author to change.

It owns the names that are derived from the type's and which files a base needs. The files themselves are templates
in `scaffolds/`: `shared/` for every base, and one folder for each.
"""

import keyword
import re
import sys
from pathlib import Path
from typing import Final

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined

import elevon
from elevon import errors
from elevon.app.compositions import SHIPPED
from elevon.primitives import suggestions
from elevon.testing import gencode

BASES: Final = ("executor", "webapi", "k8s", "connector")
_TEMPLATES: Final = Path(__file__).with_name("scaffolds")
_OWN_FILES: Final = {"webapi": ("service.py",), "connector": ("connector.py",)}
_TAKEN: Final = ("example", "tests")
_NAME: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


class Names(msgspec.Struct, frozen=True):
    """What a type is called where.

    Attributes:
        type: Its type string, and the name of its distribution.
        package: Its Python package.
        name: The beginning of its classes' names.
    """

    type: str
    package: str
    name: str

    @classmethod
    def of(cls, task_type: str) -> "Names":
        """The names that follow from a type string.

        Raises:
            UserError: It is unfit to be the name of a package.
        """
        if not _NAME.fullmatch(task_type):
            raise errors.UserError(
                f"{task_type!r} can't name a package: use lower-case letters, digits and single hyphens, "
                "beginning with a letter, such as file-arrival"
            )
        words = task_type.split("-")
        package = "_".join(words)
        if keyword.iskeyword(package) or package in sys.stdlib_module_names or package == elevon.__name__:
            raise errors.UserError(
                f"a package {package} could not be imported, because the name is taken: use two words, such as "
                f"{task_type}-job"
            )
        if package in _TAKEN or task_type in {name for own in SHIPPED for name in own.task_types}:
            raise errors.UserError(
                f"{task_type!r} is used already, by elevon or in the package that is written: choose another name, "
                f"such as {task_type}-job"
            )
        return cls(task_type, package, "".join(word.capitalize() for word in words))

    def run(self) -> str:
        """The command that runs the example."""
        return f"elevon run --tasktype {self.package}.executor:{self.name}Executor example.py example"

    def check(self, base: str) -> str:
        """The command that proves the executor; gRPC has real sockets, which know no virtual time."""
        gear = " --gear processes --runs 10" if base == "connector" else ""
        return f"elevon plugin check {self.package}.scenario:{self.name}Scenario{gear}"


def write(task_type: str, directory: Path, *, base: str = "executor", has_message: bool = False) -> Path:
    """Write a new package, and return its folder.

    Args:
        task_type: The type string.
        directory: Where to make the folder, which is named as the type.
        base: What its executor derives from, one of `BASES`.
        has_message: Whether it gets a protobuf message.

    Raises:
        UserError: The name is unfit, the base is unknown, or the folder is there already.
        UnavailableError: It can't be written.
    """
    if base not in BASES:
        raise errors.UserError(f"there is no base {base!r}: {suggestions.hint(base, BASES)}")
    names = Names.of(task_type)
    folder = directory / task_type
    if folder.exists():
        raise errors.UserError(f"{folder} is there already: choose another name, or another --directory")
    files = _rendered(names, base, has_message=has_message)
    try:
        for path, content in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(content, encoding="utf-8")
    except OSError as error:
        raise errors.UnavailableError(f"{folder} can't be written: {error.strerror}") from error
    return folder


def _rendered(names: Names, base: str, *, has_message: bool) -> dict[str, str]:
    """Every file's content, by its path in the folder."""
    environment = Environment(
        loader=FileSystemLoader([_TEMPLATES / base, _TEMPLATES / "shared"]),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - Python and TOML, no HTML
    )
    known = msgspec.structs.asdict(names) | {
        "base": base,
        "message": has_message,
        "elevon_version": elevon.__version__,
        "check": names.check(base),
    }
    places = {
        "pyproject.toml": "pyproject.toml",
        "README.md": "README.md",
        "example.py": "example.py",
        "__init__.py": f"{names.package}/__init__.py",
        "task.py": f"{names.package}/task.py",
        "executor.py": f"{names.package}/executor.py",
        "scenario.py": f"{names.package}/scenario.py",
        "test.py": f"tests/test_{names.package}.py",
    }
    for own in _OWN_FILES.get(base, ()):
        places[own] = f"{names.package}/{own}"
    if has_message:
        places["message.proto"] = f"{names.package}/{names.package}.proto"
    files = {
        place: environment.get_template(f"{template}.jinja").render(known)
        for template, place in places.items()
    }
    if has_message:
        files |= gencode.of(names.package, f"{names.name}Job", {"seconds": "uint32"})
    return files
