"""What executors are set up with, and where secrets come from."""

from typing import Any

import msgspec

from elevon import ports
from elevon.app.homes import Home
from elevon.app.settings import Settings
from elevon.blobs.local_files import LocalBlobStore
from elevon.plugin.contexts import NO_CLUSTER, NO_CONTROL_PLANE, SetupContext
from elevon.plugin.handouts import HandedOutSecrets
from elevon.plugin.pools import NO_POOLS, ResourcePools
from elevon.plugin.registry import Registration
from elevon.primitives.figures import Figures
from elevon.primitives.redaction import Redactor
from elevon.propeller.measures import Measures
from elevon.secrets import EnvironmentSecretStore, FileSecretStore, SecretChain


class Supplies(msgspec.Struct, frozen=True, kw_only=True):
    """What the executors of one engine share.

    Attributes:
        home: Below it are their directories.
        clock: Of the engine.
        redactor: Knows the secrets that were handed out.
        secrets: Which the engine hands out.
        figures: What is counted and measured.
        measures: What counts for them.
        pools: Quotas.
        cluster: Where executors have their resources.
        control_plane: How they reach executions.
    """

    home: Home
    clock: ports.Clock
    redactor: Redactor
    secrets: ports.SecretStore
    figures: Figures
    measures: Measures
    pools: ResourcePools
    cluster: ports.ClusterApi
    control_plane: ports.ControlPlane

    @classmethod
    def of(
        cls,
        home: Home,
        clock: ports.Clock,
        settings: Settings,
        pools: ResourcePools = NO_POOLS,
        control_plane: ports.ControlPlane = NO_CONTROL_PLANE,
    ) -> "Supplies":
        """What an engine with these settings shares, but for a cluster, which is itself supplied with secrets.

        These are of the engine's environment, else of files.
        """
        redactor, figures = Redactor(), Figures()
        places = settings.secrets
        chain = SecretChain((EnvironmentSecretStore(places.env_prefix), FileSecretStore(places.default_dir)))
        return cls(
            home=home,
            clock=clock,
            redactor=redactor,
            secrets=HandedOutSecrets(chain, redactor),
            figures=figures,
            measures=Measures(figures),
            pools=pools,
            cluster=NO_CLUSTER,
            control_plane=control_plane,
        )

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
            cluster=self.cluster,
            control_plane=self.control_plane,
        )
