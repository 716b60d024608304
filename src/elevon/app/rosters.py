"""The executors of a home, for `admin.rosters`: who is registered, where each comes from, and what engines measured."""

from collections.abc import Sequence

from elevon.app import publications
from elevon.app.homes import Home
from elevon.app.origins import origin_of
from elevon.app.settings import Settings
from elevon.plugin.registry import Registration, Registry
from elevon.primitives.figures import EngineFigures


class HomeExecutors:
    """`admin.rosters.RosterSource` of a home.

    Args:
        home: Where engines publish their figures.
        settings: By which they were registered.
        registry: Who is registered.
    """

    def __init__(self, home: Home, settings: Settings, registry: Registry) -> None:
        self._home = home
        self._settings = settings
        self.registry = registry

    def origin_of(self, registration: Registration) -> str:
        return origin_of(registration, self._settings)

    def figures(self) -> Sequence[EngineFigures]:
        return publications.read(self._home)
