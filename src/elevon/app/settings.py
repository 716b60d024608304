"""What an embedded engine can be told."""

import os
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import msgspec

from elevon.plugin.descriptions import HostSettings
from elevon.plugin.executors import Executor
from elevon.plugin.states import STATE_LIMIT_BYTES
from elevon.primitives import secret_names
from elevon.propeller.machine.backoffs import Backoff
from elevon.records.tokens import PoolLimits


class SecretSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where secrets are looked for, under flytekit's names.

    Attributes:
        env_prefix: What the names of variables begin with: `<PREFIX><GROUP>_<KEY>`.
        default_dir: Where the files are: `<DIR>/<group>/<key>`.
    """

    env_prefix: str = secret_names.VARIABLE_PREFIX
    default_dir: str = secret_names.FOLDER


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What an embedded engine can be told.

    Attributes:
        workers: Slots for tasks.
        tasktypes: Executors that are being written, as `module:Class`.
        executors: Executors that whoever composes the engine has made.
        configuration: Settings of executors, by their ids.
        configuration_origin: Where the configuration was read, for whoever has to mend it.
        hosts: Processes for executors, with environments of their own if they name one.
        default_executor: Id of the executor for types that nobody registered; empty for none.
        state_limit_bytes: Largest encoded custom state.
        pools: Limits of resource pools, by their names.
        images: What pods run for an image on the cluster of one machine, by its name.
        secrets: Where secrets are looked for.
        metrics_port: Where a scraper of this machine reads the figures of the engine; 0 for any port that is free,
            None for none.
        max_parallelism: Limit on attempts under way at once of a new execution; 0 for none.
        backoff: Patience with calls that raise.
        lease_time: After this, executions of an engine that has stopped are taken over although it lives.
    """

    workers: int = max(1, os.cpu_count() or 1)
    tasktypes: tuple[str, ...] = ()
    executors: tuple[Executor[Any, Any], ...] = ()
    configuration: Mapping[str, Mapping[str, Any]] = {}
    configuration_origin: str = "the configuration"
    hosts: tuple[HostSettings, ...] = ()
    default_executor: str = ""
    state_limit_bytes: int = STATE_LIMIT_BYTES
    pools: Mapping[str, PoolLimits] = {}
    images: Mapping[str, tuple[str, ...]] = {}
    secrets: SecretSettings = SecretSettings()
    metrics_port: int | None = None
    max_parallelism: int = 0
    backoff: Backoff = Backoff()
    lease_time: timedelta = timedelta(seconds=30)
