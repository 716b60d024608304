"""Secrets in the engine's own environment: `_FSEC_<GROUP>_<KEY>`."""

import os
from collections.abc import Mapping

from elevon import errors
from elevon.primitives import secret_names


class EnvironmentSecretStore:
    """Looks secrets up among environment variables, named as flytekit names them.

    Args:
        prefix: What the names begin with.
        variables: Where to look; the environment of this process unless given.
    """

    def __init__(
        self, prefix: str = secret_names.VARIABLE_PREFIX, variables: Mapping[str, str] = os.environ
    ) -> None:
        self._prefix = prefix
        self._variables = variables

    async def get(self, group: str, key: str, version: str = "") -> str:
        name = secret_names.variable(group, key, version, self._prefix)
        value = self._variables.get(name)
        if value is None:
            raise errors.NotFoundError(
                f"there is no secret {secret_names.describe(group, key, version)}: set the variable {name}"
            )
        return value.strip()
