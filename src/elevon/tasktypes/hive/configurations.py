"""What the hive executor is told: `[executors.hive]` of a home, with a table for each backend.

It owns the settings and their limits; each backend reads its own table alone.
"""

from collections.abc import Mapping
from typing import Annotated
from typing import Literal as OneOf

import msgspec

from elevon.plugin.services import ServiceConfig

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


class HiveServer2Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The table `[executors.hive.hiveserver2]`: a HiveServer2, Hive's own or Spark's, in the binary transport mode.

    Attributes:
        host: Where it is.
        port: Of its Thrift service.
        auth: As its `hive.server2.authentication` says. KERBEROS is refused when the backend is opened.
        user: Whom queries run as.
        secret_group: Group of the secret that holds the password; for LDAP.
        secret_key: Its key.
        database: Where unqualified names are looked for; empty for the server's default.
        session: Settings of every session, as `SET` would make them.
        tls: Speak TLS, and have the server prove who it is.
        ca_file: Certificates, in PEM, of those that may sign the server's; empty for the system's.
        connections: Connections for asking how queries stand, and as many for all else.
        console_url: Where a person can look at a query; `{operation}` stands for its id. Empty for nowhere.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 10000
    auth: OneOf["NONE", "NOSASL", "LDAP", "KERBEROS"] = "NONE"
    user: str = "elevon"
    secret_group: str = "hiveserver2"  # noqa: S105 - the name of a group
    secret_key: str = "password"  # noqa: S105 - a name too
    database: str = ""
    session: Mapping[str, str] = {}
    tls: bool = False
    ca_file: str = ""
    connections: _Count = 8
    console_url: str = ""


class HiveConfig(ServiceConfig, frozen=True, kw_only=True):
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
        hiveserver2: Settings of that backend.
    """

    backend: OneOf["embedded", "qubole", "hiveserver2"] = "embedded"
    cluster_labels: tuple[str, ...] = ()
    default_cluster_label: str = ""
    parallel_count: _Count = 4
    pool_per: OneOf["attempt", "query"] = "attempt"
    resync_s: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    page_size: _Count = 100
    workers: _Count = 4
    cache_size: _Count = 10_000
    call_s: Annotated[float, msgspec.Meta(gt=0)] = 30.0
    embedded: EmbeddedSettings = EmbeddedSettings()
    qubole: QuboleSettings = QuboleSettings()
    hiveserver2: HiveServer2Settings = HiveServer2Settings()
