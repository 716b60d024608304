"""Where secrets come from."""

from typing import Protocol


class SecretStore(Protocol):
    """Secrets by group and key, from wherever an operator keeps them; may be used from any loop."""

    async def get(self, group: str, key: str, version: str = "") -> str:
        """The value, without white space around it; read anew at each call.

        Raises:
            NotFoundError: There is none; names the group, the key and where it was looked for.
            UnavailableError: It can't be read now.
        """
        ...
