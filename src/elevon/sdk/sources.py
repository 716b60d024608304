"""The code that a run starts with, kept so that a resume runs the same.

It owns which modules belong to the user: those that are loaded, lie below the project root, and were not installed.
It must never import anything.
"""

import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import msgspec

_INSTALLED = frozenset({"site-packages", "dist-packages"})
_FOREIGN = frozenset({"__main__", "elevon"}) | sys.stdlib_module_names


class ModuleSource(msgspec.Struct, frozen=True):
    """One module.

    Attributes:
        name: Dotted name.
        path: Relative to the root, with `/`.
        source: Content of the file.
        is_package: Whether it is the `__init__.py` of a package.
    """

    name: str
    path: str
    source: bytes
    is_package: bool


class SourceBundle(msgspec.Struct, frozen=True):
    """The modules of a project. Written below any directory, they can be imported from there.

    Attributes:
        root: The directory that they were read from.
        entry_module: Name of the module that was asked for.
        modules: By name, sorted.
    """

    root: str
    entry_module: str
    modules: tuple[ModuleSource, ...]

    @property
    def digest(self) -> str:
        """SHA-256 of the content, in hexadecimal; the root does not count."""
        return hashlib.sha256(msgspec.msgpack.encode((self.entry_module, self.modules))).hexdigest()


def collect_sources(module: ModuleType) -> SourceBundle:
    """All code of the user that is loaded, as it is on disk now.

    A module that a task imports only when it runs is not part of it, unless something loaded it before.

    Args:
        module: The entry, as `modules.load_file` returned it.
    """
    entry = Path(module.__file__ or "").absolute()
    depth = module.__name__.count(".") + (2 if entry.name == "__init__.py" else 1)
    root = entry.parents[depth - 1]
    found = {
        name: ModuleSource(
            name, path.relative_to(root).as_posix(), path.read_bytes(), path.name == "__init__.py"
        )
        for name, path in _local_modules(root)
    }
    return SourceBundle(str(root), module.__name__, tuple(found[name] for name in sorted(found)))


def encode(bundle: SourceBundle) -> bytes:
    """A bundle as bytes, for a store."""
    return msgspec.msgpack.encode(bundle)


def decode(content: bytes) -> SourceBundle:
    """The bundle in bytes that `encode` made."""
    return msgspec.msgpack.decode(content, type=SourceBundle)


def _local_modules(root: Path) -> Iterator[tuple[str, Path]]:
    environments: dict[Path, bool] = {}
    inside = str(root / "_")[:-1]  # strings, because this asks about every module that is loaded
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if not isinstance(file, str) or not file.endswith(".py") or not file.startswith(inside):
            continue
        path = Path(file)
        is_foreign = name.split(".", maxsplit=1)[0] in _FOREIGN or _is_installed(path, root, environments)
        if not is_foreign and path.exists():
            yield name, path


def _is_installed(path: Path, root: Path, environments: dict[Path, bool]) -> bool:
    """Whether a file below the root is a package's, in a virtual environment or not."""
    relative = path.relative_to(root)
    if not _INSTALLED.isdisjoint(relative.parts):
        return True
    for parent in path.parents:
        if parent == root:
            return False
        if parent not in environments:
            environments[parent] = (parent / "pyvenv.cfg").exists()
        if environments[parent]:
            return True
    return False
