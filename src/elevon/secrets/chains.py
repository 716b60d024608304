"""Several places for secrets, asked in order."""

from collections.abc import Sequence

from elevon import errors, ports
from elevon.primitives import secret_names


class SecretChain:
    """The first store that has a secret gives it.

    Args:
        stores: In the order in which they are asked; at least one.
    """

    def __init__(self, stores: Sequence[ports.SecretStore]) -> None:
        self._stores = stores

    async def get(self, group: str, key: str, version: str = "") -> str:
        mends: list[str] = []
        for store in self._stores:
            try:
                return await store.get(group, key, version)
            except errors.NotFoundError as error:
                mends.append(str(error).partition(": ")[2])
        raise errors.NotFoundError(
            f"there is no secret {secret_names.describe(group, key, version)}: {', or '.join(mends)}"
        )
