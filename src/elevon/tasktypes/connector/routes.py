"""Which connector service serves which task type, learnt from what the services say that they offer.

It owns the choice where several could serve one type. What it knows is no truth: it is asked for again after a
restart, and what runs keeps in its own state where it runs.
"""

import logging
from collections.abc import Iterable, Mapping

import msgspec

from elevon.idl import agents
from elevon.tasktypes.connector.configurations import Endpoint

_log = logging.getLogger(__name__)


class Route(msgspec.Struct, frozen=True):
    """Who serves a type.

    Attributes:
        endpoint: Name of the service.
        is_sync: Whether its connector runs a task to its end in one call.
    """

    endpoint: str
    is_sync: bool


class Category(msgspec.Struct, frozen=True):
    """A task type in one of its versions; connectors register for both."""

    name: str
    version: int = 0

    def __str__(self) -> str:
        """The type, and its version where there is one to speak of."""
        return f"{self.name!r}, version {self.version}" if self.version else repr(self.name)


class Routes:
    """The routes of all services.

    Args:
        endpoints: The services, by name; the first ones win.
    """

    def __init__(self, endpoints: Mapping[str, Endpoint]) -> None:
        self._endpoints = endpoints
        self._offers: dict[str, dict[Category, bool]] = {}
        self._told: set[tuple[str, Category]] = set()

    @property
    def task_types(self) -> tuple[str, ...]:
        """The types that are served, in any version; those too that an endpoint is configured for."""
        offered = {category.name for offer in self._offers.values() for category in offer}
        configured = {name for endpoint in self._endpoints.values() for name in endpoint.task_types}
        return tuple(sorted(offered | configured))

    def find(self, category: Category) -> Route | None:
        """Who serves a type in a version; None as long as no service has said that it does."""
        for name in self._endpoints:
            offer = self._offers.get(name, {})
            if category in offer:
                return Route(name, offer[category])
        return None

    def learn(self, name: str, offered: Iterable[agents.Agent]) -> None:
        """Take in what a service offers now; what it no longer does is forgotten."""
        wanted = self._endpoints[name].task_types
        self._offers[name] = {
            category: agent.is_sync
            for agent in offered
            for category in _categories(agent)
            if not wanted or category.name in wanted
        }
        self._tell_doubles(name)

    def _tell_doubles(self, name: str) -> None:
        for category in self._offers[name]:
            route = self.find(category)
            if route is not None and route.endpoint != name and (name, category) not in self._told:
                self._told.add((name, category))
                _log.warning(
                    "the connector services %r and %r both offer the task type %s: %r serves it; name the types that "
                    "you want of each in task_types",
                    route.endpoint,
                    name,
                    category,
                    route.endpoint,
                )


def _categories(agent: agents.Agent) -> list[Category]:
    """What a connector registers for; older services say only the names."""
    if agent.supported_task_categories:
        return [Category(one.name, one.version) for one in agent.supported_task_categories]
    return [Category(name) for name in agent.supported_task_types]
