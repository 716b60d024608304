"""What the engine hands out: a store whose values are known to whoever masks them."""

from elevon import ports
from elevon.primitives.redaction import Redactor


class HandedOutSecrets:
    """Gives the secrets of another store, and tells a redactor of each before anybody can use it.

    Args:
        store: Where they are.
        redactor: Of the engine that hands them out.
    """

    def __init__(self, store: ports.SecretStore, redactor: Redactor) -> None:
        self._store = store
        self._redactor = redactor

    async def get(self, group: str, key: str, version: str = "") -> str:
        value = await self._store.get(group, key, version)
        self._redactor.learn(value)
        return value
