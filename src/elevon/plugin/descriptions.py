"""What the engine knows of an executor without having it: plain values, which another process may have written.

It exists because an executor may live in a virtual environment of its own, where this process can't import it. It must
never hold anything that does not cross a pipe.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from elevon.plugin.executors import ExecutorProperties

OWN: Final = ""


class Description(msgspec.Struct, frozen=True, kw_only=True):
    """What an executor says of itself.

    Attributes:
        id: Its id.
        path: Its class, `module:Class`.
        package: Name and version of the installed package that offers it; empty if not known or none.
        task_types: The type strings that it serves.
        properties: What the engine must know before it calls.
        has_finalizer: Whether `finalize_task` does anything: only then is it called, and is the call made durable.
        state_version: Version of its state's layout.
        contract_version: The least version of the contract that it needs.
        message: Full name of the protobuf message of `template.custom`; empty for none.
        config: Its configuration, checked, as plain data; None if it takes none.
        defaults: What its configuration is where nothing is configured, as plain data.
        summary: The first line of its docstring; empty for none.
    """

    id: str
    path: str
    package: str = ""
    task_types: tuple[str, ...]
    properties: ExecutorProperties
    has_finalizer: bool
    state_version: int = 1
    contract_version: int = 1
    message: str = ""
    config: Mapping[str, Any] | None = None
    defaults: Mapping[str, Any] = {}
    summary: str = ""


class HostSettings(msgspec.Struct, frozen=True, kw_only=True):
    """A host process, as configured by `[hosts.NAME]`, or that of one executor.

    Attributes:
        name: Of the table; that of the executor where a process is one executor's own.
        is_shared: Whether the configuration names it; otherwise it is one executor's own.
        python: The interpreter, whose environment it has; empty for the engine's.
        tasktypes: Its executors, as `module:Class`; empty for all entry points of its environment.
        memory_limit_bytes: Limit on the resident memory of the process; 0 for none.
    """

    name: str
    is_shared: bool = True
    python: str = OWN
    tasktypes: tuple[str, ...] = ()
    memory_limit_bytes: int = 0

    def __str__(self) -> str:
        return f"host {self.name!r}" if self.is_shared else f"the host of executor {self.name!r}"


class Hosted(msgspec.Struct, frozen=True):
    """An executor that was found in a host's environment.

    Attributes:
        description: What it says of itself there.
        host: Which host that is.
    """

    description: Description
    host: HostSettings
