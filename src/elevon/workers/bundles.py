"""The user's own modules inside a worker: imported from the bundle that the execution started with.

A file that changed on disk since must not change a run, yet tracebacks, `__file__` and data files beside it must be
where the user knows them. So the source comes from the bundle and everything else from the original path. This module
owns the finder; it must never serve a module that is not in the bundle.
"""

import importlib.abc
import importlib.machinery
import linecache
import sys
import types
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from elevon.sdk import modules


class BundledLoader(importlib.machinery.SourceFileLoader):
    """A source file loader that never reads its source, nor its cached bytecode, from disk."""

    def __init__(self, source: modules.ModuleSource) -> None:
        super().__init__(source.name, source.path)
        self._source = source.source

    def get_code(self, fullname: str) -> types.CodeType:
        """Compile the bundled source under the original path."""
        return self.source_to_code(self._source.encode(), self.path)

    def get_source(self, fullname: str) -> str:
        """The bundled source."""
        return self._source


class BundleFinder(importlib.abc.MetaPathFinder):
    """Serves bundled modules before any other finder, and the project's folder after all others."""

    def __init__(self) -> None:
        self._sources: dict[str, modules.ModuleSource] = {}
        self._namespaces: dict[str, str] = {}

    def add(self, bundle: modules.SourceBundle) -> None:
        """Serve this bundle too."""
        for source in bundle.modules:
            if source.name not in self._sources:
                self._sources[source.name] = source
                sys.modules.pop(source.name, None)
                # Without a time, linecache takes the lines as they are and never looks at the file.
                linecache.cache[source.path] = (
                    len(source.source), None, source.source.splitlines(keepends=True), source.path
                )  # fmt: skip
            package = source.name.rpartition(".")[0]
            while package:
                self._namespaces[package] = str(Path(bundle.root, *package.split(".")))
                package = package.rpartition(".")[0]
        if bundle.root not in sys.path:
            sys.path.append(bundle.root)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """The module, if it is bundled, or a folder without `__init__.py` that holds one that is."""
        source = self._sources.get(fullname)
        if source is None:
            return self._find_namespace(fullname)
        spec: Any = importlib.machinery.ModuleSpec(
            fullname, BundledLoader(source), origin=source.path, is_package=source.is_package
        )
        spec.has_location = True  # makes __file__ of the origin
        if source.is_package:
            spec.submodule_search_locations = [str(Path(source.path).parent)]
        return spec

    def _find_namespace(self, fullname: str) -> importlib.machinery.ModuleSpec | None:
        folder = self._namespaces.get(fullname)
        if folder is None:
            return None
        spec = importlib.machinery.ModuleSpec(fullname, None, is_package=True)
        spec.submodule_search_locations = [folder]
        return spec
