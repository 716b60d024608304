"""What keeps and changes the resources of a cluster."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Protocol

from elevon.records.resources import Manifest, ResourceChanges, ResourceKey, ResourceKind


class ClusterApi(Protocol):
    """Resources of a cluster, as manifests in plain JSON.

    It is what executors need of Kubernetes and no more: creation by name, reading, a merge patch, deletion with
    finalizers, and news. Owner references are the adapter's, which alone knows what in the cluster owns an execution.
    """

    async def create(self, resource: Manifest) -> Manifest:
        """Make a resource and return it with what the cluster has added: `uid`, `creationTimestamp`, a status.

        Raises:
            ConflictError: The name is taken.
            QuotaError: There is no room for it now.
            UserError: The cluster refuses what the manifest says.
        """
        ...

    async def get(self, key: ResourceKey) -> Manifest | None:
        """The resource as it is now; None if there is none."""
        ...

    async def list(self, kind: ResourceKind, labels: Mapping[str, str]) -> Sequence[Manifest]:
        """Those of a kind that carry all the labels, in whichever namespace."""
        ...

    async def patch(self, key: ResourceKey, patch: Manifest) -> Manifest:
        """Change a resource by a JSON merge patch (RFC 7396), and return it.

        What is being deleted goes with its last finalizer. The status is not changed.

        Raises:
            NotFoundError: There is none.
            ConflictError: The patch names a `metadata.resourceVersion` that is not the newest.
        """
        ...

    async def delete(self, key: ResourceKey, uid: str = "", grace: timedelta | None = None) -> None:
        """Ask for the end of a resource; it is gone when it has ended and no finalizer holds it.

        Repeating it is free, and so is asking for what is not there.

        Args:
            key: Which.
            uid: Only if it is this one; empty for any of that name.
            grace: How long what runs for it may take to end by itself; None for what the resource says.
        """
        ...

    async def watch(
        self, kind: ResourceKind, labels: Mapping[str, str], after: str, patience: timedelta
    ) -> ResourceChanges:
        """Wait for news of those of a kind that carry all the labels, and return it.

        Called over and over, each time with the cursor of the answer before: no change is left out, however long
        nobody asked. Changes of one resource may come as one.

        Args:
            kind: Which kind.
            labels: What they carry.
            after: The cursor; empty for all that there are, at once. So is the answer to a cursor that is too old.
            patience: Return after that, with nothing, if there is no news.
        """
        ...
