"""The composition root: homes, their configuration, and the engine that is made of adapters.

Everything below is told what to use; only here is it picked. Nothing below imports this room.
"""

from elevon.app.compositions import SHIPPED, Embedded, embedded, reading, registry, task_types
from elevon.app.homes import Home, home_path
from elevon.app.settings import Settings

__all__ = [
    "SHIPPED",
    "Embedded",
    "Home",
    "Settings",
    "embedded",
    "home_path",
    "reading",
    "registry",
    "task_types",
]
