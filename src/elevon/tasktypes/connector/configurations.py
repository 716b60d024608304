"""What the connector executor is told of the services that it drives: `[executors.connector]` of a home."""

from collections.abc import Mapping
from typing import Annotated

import msgspec

_Address = Annotated[str, msgspec.Meta(pattern=r"^[^\s:/]+:\d+$|^\[[^\s/]+\]:\d+$")]
_Seconds = Annotated[float, msgspec.Meta(gt=0)]


class Endpoint(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One connector service.

    Attributes:
        address: `host:port`.
        insecure: Speak without TLS, as `pyflyte serve connector` does.
        ca_file: Certificates, in PEM, of those that may sign the service's; empty for those that gRPC brings.
        task_types: The types that are taken from this service, and that are known even while it can't be asked; empty
            for all that it offers.
        timeout_s: Limit on each call.
        sync_timeout_s: Limit on a call that runs a task of a synchronous connector to its end.
        create_is_idempotent: Whether its connectors find a job that they made for the same task execution, so that
            one whose creation may have happened is created again. Otherwise such an attempt waits for an operator.
    """

    address: _Address
    insecure: bool = False
    ca_file: str = ""
    task_types: tuple[str, ...] = ()
    timeout_s: _Seconds = 10
    sync_timeout_s: Annotated[float, msgspec.Meta(gt=0, le=3600)] = 60
    create_is_idempotent: bool = False


class ConnectorConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The table `[executors.connector]`.

    Attributes:
        endpoints: The services by a name of your choice, which attempts keep: where two offer the same type, the
            first one serves it.
        resync_s: How often each job is asked about.
        max_failed_syncs: So many refusals in a row to say how a job stands are borne; more are an error of the check.
            A service that can't be reached is waited for.
        workers: How many jobs are asked about at once.
        cache_size: How many jobs are kept in memory; of more, those that were not asked for longest are asked anew.
    """

    endpoints: Mapping[str, Endpoint] = {}
    resync_s: _Seconds = 10
    max_failed_syncs: Annotated[int, msgspec.Meta(ge=0)] = 5
    workers: Annotated[int, msgspec.Meta(ge=1)] = 10
    cache_size: Annotated[int, msgspec.Meta(ge=1)] = 10_000
