"""What the engine needs of the world, as Protocols without code.

Adapters live in `stores`, `blobs`, `workers` and `primitives`; the composition root picks them. No third-party
exception crosses a port: an adapter raises classes of `elevon.errors` only.
"""

from elevon.ports.blobs import BlobStore
from elevon.ports.clocks import Clock
from elevon.ports.clusters import ClusterApi
from elevon.ports.control_planes import ControlPlane
from elevon.ports.launchers import Job, JobResult, JobSecret, JobStatus, Launcher
from elevon.ports.processes import OwnedProcess, ProcessCommand, ProcessOwner
from elevon.ports.secrets import SecretStore
from elevon.ports.state_stores import StateStore

__all__ = [
    "BlobStore",
    "Clock",
    "ClusterApi",
    "ControlPlane",
    "Job",
    "JobResult",
    "JobSecret",
    "JobStatus",
    "Launcher",
    "OwnedProcess",
    "ProcessCommand",
    "ProcessOwner",
    "SecretStore",
    "StateStore",
]
