"""What executors are set up with, and where secrets come from."""

from typing import Any

import msgspec

from elevon import ports
from elevon.app.homes import Home
from elevon.app.settings import SecretSettings
from elevon.blobs.local_files import LocalBlobStore
from elevon.plugin.contexts import SetupContext
from elevon.plugin.handouts import HandedOutSecrets
from elevon.plugin.pools import NO_POOLS, ResourcePools
from elevon.plugin.registry import Registration
from elevon.primitives.redaction import Redactor
from elevon.propeller.measures import Measures
from elevon.secrets import EnvironmentSecretStore, FileSecretStore, SecretChain


class Supplies(msgspec.Struct, frozen=True, kw_only=True):
    """What the executors of one engine share.

    Attributes:
        home: Below it are their directories.
        clock: Of the engine.
        secrets: Which the engine hands out.
        measures: What counts for them.
        pools: Quotas.
    """

    home: Home
    clock: ports.Clock
    secrets: ports.SecretStore
    measures: Measures
    pools: ResourcePools = NO_POOLS

    def setup_of(self, registration: Registration) -> SetupContext[Any]:
        """What one executor is initialized with."""
        return SetupContext(
            config=registration.config,
            clock=self.clock,
            blobs=LocalBlobStore(),
            state_dir=self.home.executors_dir / registration.id,
            secrets=self.secrets,
            metrics=self.measures.of_executor(registration.id),
            pools=self.pools,
        )


def secrets_of(settings: SecretSettings, redactor: Redactor) -> ports.SecretStore:
    """The secrets of the environment, else of files; the redactor knows those that were handed out."""
    places = (EnvironmentSecretStore(settings.env_prefix), FileSecretStore(settings.default_dir))
    return HandedOutSecrets(SecretChain(places), redactor)
