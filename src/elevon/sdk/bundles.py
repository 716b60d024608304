"""The user's own modules in a process that runs them: imported from the bundle that the execution started with.

A file that changed on disk since must not change a run, yet tracebacks, `__file__` and data files beside it must be
where the user knows them. So the source comes from the bundle and everything else from the original path. This module
owns the finder; it must never serve a module that is not in the bundle.
"""

import importlib.abc
import importlib.machinery
import importlib.util
import linecache
import sys
import types
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from elevon.sdk import sources


class BundledLoader(importlib.machinery.SourceFileLoader):
    """A source file loader that never reads its source, nor its cached bytecode, from disk."""

    def __init__(self, name: str, path: str, source: bytes) -> None:
        super().__init__(name, path)
        self._source = source

    def get_code(self, fullname: str) -> types.CodeType:
        """Compile the bundled source under the original path, and have tracebacks show it."""
        code = self.source_to_code(self._source, self.path)
        lines = self.get_source(fullname).splitlines(keepends=True)
        # Without a time, linecache takes the lines as they are and never looks at the file.
        linecache.cache[self.path] = (len(self._source), None, lines, self.path)
        return code

    def get_source(self, fullname: str) -> str:
        """The bundled source."""
        return importlib.util.decode_source(self._source)


class BundleFinder(importlib.abc.MetaPathFinder):
    """Serves bundled modules before any other finder, and the project's folder after all others."""

    def __init__(self) -> None:
        self._specs: dict[str, importlib.machinery.ModuleSpec] = {}

    def add(self, bundle: sources.SourceBundle) -> None:
        """Serve this bundle too."""
        for source in bundle.modules:
            known = self._specs.get(source.name)
            if known is None or known.loader is None:
                path = Path(bundle.root, source.path)
                self._specs[source.name] = _spec(source, path)
                sys.modules.pop(source.name, None)
                self._add_namespaces(source.name, path.parents[1] if source.is_package else path.parent)
        if bundle.root not in sys.path:
            sys.path.append(bundle.root)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """The module, if it is bundled, or a folder without `__init__.py` that holds one that is."""
        return self._specs.get(fullname)

    def _add_namespaces(self, name: str, folder: Path) -> None:
        """Serve the packages above a module, should they have no `__init__.py`; a bundled one replaces its stand-in."""
        package = name.rpartition(".")[0]
        while package:
            if package not in self._specs:
                spec = importlib.machinery.ModuleSpec(package, None, is_package=True)
                spec.submodule_search_locations = [str(folder)]
                self._specs[package] = spec
            package, folder = package.rpartition(".")[0], folder.parent


def _spec(source: sources.ModuleSource, path: Path) -> importlib.machinery.ModuleSpec:
    loader = BundledLoader(source.name, str(path), source.source)
    spec: Any = importlib.machinery.ModuleSpec(
        source.name, loader, origin=str(path), is_package=source.is_package
    )
    spec.has_location = True  # makes __file__ of the origin
    if source.is_package:
        spec.submodule_search_locations = [str(path.parent)]
    return spec
