"""What the hive executor is told: `[executors.hive]` of a home, with a table for each backend.

It owns the settings and their limits; each backend reads its own table alone.
"""

from typing import Annotated
from typing import Literal as OneOf

import msgspec

_Seconds = Annotated[float, msgspec.Meta(gt=0)]
_Count = Annotated[int, msgspec.Meta(ge=1)]
_Limit = Annotated[int, msgspec.Meta(ge=0)]


class EmbeddedSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The table `[executors.hive.embedded]`: DuckDB on this machine.

    Attributes:
        warehouse: Folder of the tables; empty for one in the home.
        threads: Of each query; 0 for as many as the machine has.
        memory: The most memory of each query, as `2GB`; empty for DuckDB's own limit.
    """

    warehouse: str = ""
    threads: _Limit = 0
    memory: Annotated[str, msgspec.Meta(pattern=r"^(\d+(\.\d+)?\s*[KMGT]i?B)?$")] = ""


class QuboleSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The table `[executors.hive.qubole]`: the Qubole Data Service.

    Attributes:
        base_url: Of the service, without the version of its interface.
        console_url: Of its pages for people; empty for `base_url`.
        api_version: Of its interface.
        secret_group: Group of the secret that holds the API token.
        secret_key: Its key.
        connections: Connections at the same time.
        search_pages: How many pages of a hundred commands are looked through for one whose answer was lost.
    """

    base_url: str = "https://api.qubole.com"
    console_url: str = ""
    api_version: str = "v1.2"
    secret_group: str = "qubole"  # noqa: S105 - the name of a group
    secret_key: str = "api_token"  # noqa: S105 - a name too
    connections: _Count = 8
    search_pages: _Count = 10


class HiveConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The table `[executors.hive]`.

    Attributes:
        backend: Who runs the queries.
        cluster_labels: The labels that tasks may name; empty for any.
        default_cluster_label: For tasks that name none.
        parallel_count: Queries of one attempt at the same time.
        pool: Name of the resource pool whose tokens are needed; empty for none.
        pool_per: Whether an attempt needs one token, or each of its queries.
        resync_s: News of a query is known within so many seconds; 0 for what suits the backend.
        page_size: The most queries that are asked about at once.
        workers: Pages that are asked for at the same time.
        cache_size: Queries that are followed at the same time.
        check_s: An attempt of which nothing is heard is looked at after so many seconds all the same.
        call_s: A call that takes longer, in seconds, has failed.
        failed_limit: After more failed syncs in a row, the attempt's check fails.
        missing_limit: After more syncs in a row that do not find it, a query is lost.
        embedded: Settings of that backend.
        qubole: Settings of that backend.
    """

    backend: OneOf["embedded", "qubole", "hiveserver2"] = "embedded"
    cluster_labels: tuple[str, ...] = ()
    default_cluster_label: str = ""
    parallel_count: _Count = 4
    pool: str = ""
    pool_per: OneOf["attempt", "query"] = "attempt"
    resync_s: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    page_size: _Count = 100
    workers: _Count = 4
    cache_size: _Count = 10_000
    check_s: _Seconds = 300.0
    call_s: _Seconds = 30.0
    failed_limit: _Limit = 5
    missing_limit: _Limit = 3
    embedded: EmbeddedSettings = EmbeddedSettings()
    qubole: QuboleSettings = QuboleSettings()
