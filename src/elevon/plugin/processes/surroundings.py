"""What a host process is started with: interpreter, environment variables, and where it finds modules."""

import os
import sys
from typing import Final

from elevon.plugin.descriptions import OWN, HostSettings

_OF_ANOTHER_ENVIRONMENT: Final = ("PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__")


def python_of(host: HostSettings) -> str:
    """The interpreter."""
    return sys.executable if host.python == OWN else host.python


def environment(host: HostSettings) -> dict[str, str]:
    """The engine's variables, without those that would lead another interpreter into the engine's packages."""
    passed = dict(os.environ)
    if host.python != OWN:
        for name in _OF_ANOTHER_ENVIRONMENT:
            passed.pop(name, None)
    return {**passed, "PYTHONUNBUFFERED": "1"}


def import_path(host: HostSettings) -> tuple[str, ...]:
    """Where the engine looks for modules, for a host with the engine's own interpreter; nothing for another."""
    return tuple(place for place in sys.path if place) if host.python == OWN else ()


def last_line(output: bytes) -> str:
    """The last line that says something."""
    lines = output.decode(errors="replace").strip().splitlines()
    return lines[-1].strip() if lines else ""
