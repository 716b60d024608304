"""Backends of a HiveServer2, made as an engine makes them."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from elevon.blobs.local_files import LocalBlobStore
from elevon.plugin import SetupContext
from elevon.plugin.contexts import NO_SECRETS
from elevon.primitives.clocks import SystemClock
from elevon.tasktypes.hive.backends.hiveserver2.backends import HiveServer2Backend
from elevon.tasktypes.hive.configurations import HiveConfig, HiveServer2Settings


def backend_of(directory: Path, secrets: Any = NO_SECRETS, **settings: Any) -> HiveServer2Backend:
    """One that is not opened yet.

    Args:
        directory: Of its files.
        secrets: Where the password is, if there is one.
        settings: Of `[executors.hive.hiveserver2]`.
    """
    config = HiveConfig(backend="hiveserver2", hiveserver2=HiveServer2Settings(**settings))
    return HiveServer2Backend(
        SetupContext(
            config=config, clock=SystemClock(), blobs=LocalBlobStore(), state_dir=directory, secrets=secrets
        )
    )


@asynccontextmanager
async def opened(
    directory: Path, secrets: Any = NO_SECRETS, **settings: Any
) -> AsyncGenerator[HiveServer2Backend]:
    """One that is open."""
    made = backend_of(directory, secrets, **settings)
    await made.open()
    yield made
    await made.close()
