"""Where an executor comes from, for whoever wonders which release of whom serves a task type."""

from elevon.app.compositions import ON_DEMAND, SHIPPED
from elevon.app.settings import Settings
from elevon.plugin import discovery
from elevon.plugin.registry import Registration


def origin_of(registration: Registration, settings: Settings) -> str:
    """In words: elevon itself, an installed package with its version, or the reference that named it."""
    if registration.local is None:
        return registration.description.package or registration.path
    if isinstance(registration.local.executor, SHIPPED) or registration.path in ON_DEMAND.values():
        return "elevon"
    if registration.path in settings.tasktypes:
        return registration.path
    return discovery.package_of(type(registration.local.executor)) or registration.path
