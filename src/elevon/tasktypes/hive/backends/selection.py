"""The backend that a configuration names; its packages are imported for it alone."""

import importlib
from typing import Final

from elevon import errors
from elevon.plugin import SetupContext
from elevon.tasktypes.hive.backends.interfaces import HiveBackend
from elevon.tasktypes.hive.configurations import HiveConfig

_ROOT: Final = "elevon.tasktypes.hive.backends"
_PLACES: Final = {
    "embedded": ("embedded.backends", "EmbeddedBackend", "hive"),
    "qubole": ("qubole.backends", "QuboleBackend", "qubole"),
    "hiveserver2": ("hiveserver2.backends", "HiveServer2Backend", "hiveserver2"),
}


def choose(setup: SetupContext[HiveConfig]) -> HiveBackend:
    """The backend of a configuration, not opened yet; each is made of the set-up of the executor.

    Raises:
        UserError: A package that it needs is not installed.
    """
    module, cls, extra = _PLACES[setup.config.backend]
    try:
        made: HiveBackend = getattr(importlib.import_module(f"{_ROOT}.{module}"), cls)(setup)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("elevon"):
            raise errors.UserError(
                f"this elevon has no hive backend {setup.config.backend!r}: choose another by [executors.hive] backend"
            ) from error
        raise errors.UserError(
            f"the hive backend {setup.config.backend!r} needs {error.name}, which is not installed: "
            f"pip install 'elevon[{extra}]'"
        ) from error
    return made
