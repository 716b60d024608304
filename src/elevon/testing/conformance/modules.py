"""The author's modules, imported anew for every engine, as a new process would import them.

It owns which modules those are, and that everybody else goes on with the ones that they have. Generated modules
(`*_pb2`) and those of other packages stay.
"""

import contextlib
import importlib
import importlib.abc
import importlib.machinery
import sys
from collections.abc import Generator, Iterator, Mapping, Sequence
from types import CodeType, ModuleType
from typing import Any, Final

from elevon import errors
from elevon.testing.scenarios import Scenario

_GENERATED: Final = "_pb2"


class Modules:
    """The module of a scenario, and the package of its executor.

    Args:
        scenario: What is checked.

    Attributes:
        problem: Why they can't be imported anew; empty if they can.
    """

    def __init__(self, scenario: type[Scenario]) -> None:
        self._scenario = scenario
        self._codes: dict[str, _Code] = {}
        self.problem = ""
        if scenario.__module__ == "__main__" or "<locals>" in scenario.__qualname__:
            self.problem = f"{scenario.__qualname__} can't be imported by its name"
            return
        made = scenario()
        names = _names_of(scenario.__module__, type(made.executor(made.service())).__module__)
        self._codes = dict(_codes_of(names))
        try:
            self.scenario()
        except Exception as error:  # noqa: BLE001 - whatever a stranger's module raises when it is imported twice
            self._codes = {}
            self.problem = (
                f"importing {scenario.__module__} a second time raised {type(error).__name__}: {error}"
            )

    def scenario(self) -> Scenario:
        """A new scenario, of modules that were imported anew."""
        if not self._codes:
            return self._scenario()
        with _without(self._codes):
            module = importlib.import_module(self._scenario.__module__)
        found: Any = module
        for part in self._scenario.__qualname__.split("."):
            found = getattr(found, part)
        return found()


class _Code(importlib.abc.Loader):
    """What a module is made of; reading it again for every engine would take longer than running it."""

    def __init__(self, spec: importlib.machinery.ModuleSpec, code: CodeType) -> None:
        self._code = code
        self._origin = spec.origin
        self._locations = spec.submodule_search_locations

    def spec(self, name: str) -> importlib.machinery.ModuleSpec:
        """A new specification of the module."""
        made = importlib.machinery.ModuleSpec(name, self, origin=self._origin)
        made.submodule_search_locations = self._locations
        made.has_location = True
        return made

    def exec_module(self, module: ModuleType) -> None:
        exec(self._code, vars(module))  # noqa: S102 - that is what importing is


class _Finder(importlib.abc.MetaPathFinder):
    """Finds the author's modules."""

    def __init__(self, codes: Mapping[str, _Code]) -> None:
        self._codes = codes

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        known = self._codes.get(fullname)
        return None if known is None else known.spec(fullname)


@contextlib.contextmanager
def _without(codes: Mapping[str, _Code]) -> Generator[None]:
    """Let modules be unknown, and what is imported meanwhile be forgotten."""
    set_aside = {name: sys.modules.pop(name) for name in codes if name in sys.modules}
    for name in set_aside:
        _leave_parent(name)
    finder = _Finder(codes)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in codes:
            sys.modules.pop(name, None)
        sys.modules.update(set_aside)
        for name, original in set_aside.items():
            _rejoin_parent(name, original)


def load(reference: str) -> type[Scenario]:
    """The scenario that `MODULE:CLASS` names.

    Raises:
        UserError: There is no such module or class, or it is no scenario.
    """
    module_name, colon, name = reference.partition(":")
    if not (colon and module_name and name):
        raise errors.UserError(
            f"{reference!r} names no scenario: write MODULE:CLASS, such as nap.scenario:Nap"
        )
    try:
        found: Any = importlib.import_module(module_name)
    except Exception as error:
        raise errors.UserError(
            f"{reference}: importing {module_name} raised {type(error).__name__}: {error}"
        ) from error
    for part in name.split("."):
        found = getattr(found, part, None)
    if not (isinstance(found, type) and issubclass(found, Scenario)):
        raise errors.UserError(
            f"{reference}: {module_name} has no scenario {name}: derive a class from elevon.testing.Scenario"
        )
    return found


def _names_of(scenario_module: str, executor_module: str) -> Iterator[str]:
    """Those of the loaded modules that are the author's own."""
    home = executor_module.rpartition(".")[0]
    if executor_module.startswith("elevon.") and not executor_module.startswith("elevon.tasktypes."):
        executor_module = home = scenario_module
    for name in list(sys.modules):
        is_own = name in (scenario_module, executor_module, home) or (home and name.startswith(f"{home}."))
        if is_own and not name.endswith(_GENERATED):
            yield name


def _codes_of(names: Iterator[str]) -> Iterator[tuple[str, _Code]]:
    for name in names:
        spec = sys.modules[name].__spec__
        loader = None if spec is None else spec.loader
        if spec is None or not isinstance(loader, importlib.abc.InspectLoader):
            continue
        code = loader.get_code(name)
        if code is not None:
            yield name, _Code(spec, code)


def _leave_parent(name: str) -> None:
    parent, _, child = name.rpartition(".")
    if parent in sys.modules and child in vars(sys.modules[parent]):
        delattr(sys.modules[parent], child)


def _rejoin_parent(name: str, module: ModuleType) -> None:
    parent, _, child = name.rpartition(".")
    if parent in sys.modules:
        setattr(sys.modules[parent], child, module)
