"""`K8sExecutor`: for work that is a resource of a cluster, a pod or any other kind that a controller looks after.

The author writes what the resource says and what its status means; the base owns all that is hard about it: one
resource for each attempt through any crash, one watch for all of them, the finalizer that keeps an end from being
missed, and the deletion. It must never keep a truth in memory: what is followed comes back from custom state. It knows
the port alone: the same executor works on one machine and on Kubernetes. What owns a resource is for the adapter to
say, which knows what in its cluster stands for an execution.
"""

import abc
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar, Final, Generic, TypeVar

import msgspec

from elevon import errors, ports
from elevon.idl.messages import LiteralMap, TaskTemplate
from elevon.plugin import pod_secrets
from elevon.plugin.contexts import SetupContext, TaskContext
from elevon.plugin.executors import Executor, ExecutorProperties
from elevon.plugin.statuses import TaskStatus
from elevon.plugin.watches import ResourceWatch
from elevon.primitives import ids
from elevon.records.failures import Failure
from elevon.records.phases import AttemptPhase
from elevon.records.resources import (
    DATA_DIR_ANNOTATION,
    Manifest,
    ResourceKey,
    ResourceKind,
    is_being_deleted,
    key_of,
    kind_of,
    uid_of,
)

__all__ = [
    "ATTEMPT_ANNOTATION",
    "DATA_DIR_ANNOTATION",
    "EXECUTOR_LABEL",
    "FINALIZER",
    "K8sConfig",
    "K8sExecutor",
    "K8sState",
    "Manifest",
    "ResourceKey",
    "ResourceKind",
]

M = TypeVar("M")
FINALIZER: Final = "elevon.dev/attempt"
"""Keeps a resource from going before its end was seen."""
EXECUTOR_LABEL: Final = "elevon.dev/executor"
ATTEMPT_ANNOTATION: Final = "elevon.dev/attempt"
"""Says whose a resource is: the attempt's whole identity."""
_LABEL_VALUE: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
_LABEL_LIMIT: Final = 63
_CREATE: Final = "create"


class K8sConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What every executor of cluster resources can be told; derive from it to add more.

    Attributes:
        namespace: Where the resources go; empty for the task's own, `<project>-<domain>`.
        labels: On every resource, besides those of the engine.
        annotations: Likewise.
        keeps_resources: Resources of attempts that have ended by themselves stay, for whoever wants to look at them.
        grace_s: How long what is killed may take to end by itself, in seconds; None for what the resource says.
        check_s: An attempt of which nothing is heard is looked at after so many seconds all the same.
        quota_s: An attempt for which the cluster has no room is tried again after so many seconds.
    """

    namespace: str = ""
    labels: Mapping[str, str] = {}
    annotations: Mapping[str, str] = {}
    keeps_resources: bool = False
    grace_s: float | None = None
    check_s: float = 300.0
    quota_s: float = 10.0


class K8sState(msgspec.Struct, frozen=True):
    """The custom state of every `K8sExecutor`: all that is needed to find the resource again.

    Attributes:
        key: Kind, namespace and name; None while there is nothing.
        uid: The one of that name.
    """

    key: ResourceKey | None = None
    uid: str = ""


class K8sExecutor(Executor[M, K8sState], Generic[M]):
    """An executor whose work is a resource of a cluster.

    Subclass it as `K8sExecutor[Message]`, with None for a type without a message. Implement `build_identity_resource`,
    `build_resource` and `get_task_status`.

    The resource is named by the attempt's generated name. A start that may have happened finds its resource by that
    name; one that somebody else made is left alone and named. Checks read what the watch has seen and ask the cluster
    only where the watch has nothing, as after a restart. A resource that vanished, or that somebody deleted before it
    had succeeded, costs a user's retry. `kill_task` deletes it, and so does `finalize_task`, which first takes the
    finalizer away.

    Args:
        cluster: Where the resources are; None for the engine's.
    """

    properties: ClassVar[ExecutorProperties] = ExecutorProperties(requires_finalizer=True)
    config_type: ClassVar[type[msgspec.Struct] | None] = K8sConfig

    def __init__(self, cluster: ports.ClusterApi | None = None) -> None:
        self._given_cluster = cluster

    @abc.abstractmethod
    def build_identity_resource(self) -> ResourceKind:
        """The kind of the resources."""

    @abc.abstractmethod
    async def build_resource(
        self, ctx: TaskContext[K8sState], template: TaskTemplate, spec: M, inputs: LiteralMap
    ) -> Manifest:
        """The resource as it is to be made: `spec`, and what of `metadata` the author cares for.

        Kind, name, namespace, finalizer and the engine's labels and annotations are put in by the base. It may be asked
        for again and then makes the same. `pod_secrets.PodSecrets` has a container given the secrets of the task; a
        resource that names one of them nowhere is refused.
        """

    @abc.abstractmethod
    async def get_task_status(self, ctx: TaskContext[K8sState], resource: Manifest) -> TaskStatus[Any]:
        """What the resource means for its task; without a state, which is the base's.

        Phases move forward. A new resource may have no status at all. A success without outputs has `resolve_outputs`
        asked for them. For pods there is `pods.status_of_pod`.
        """

    async def initialize(self, setup: SetupContext[Any]) -> None:
        """Begin to watch. An executor that needs more calls this too."""
        self._config: K8sConfig = setup.config
        self._check_after = timedelta(seconds=self._config.check_s)
        self._cluster = setup.cluster if self._given_cluster is None else self._given_cluster
        self._kind = self.build_identity_resource()
        self._label = (
            self.id if _LABEL_VALUE.fullmatch(self.id) else ids.generated_name(self.id, _LABEL_LIMIT)
        )
        self._watch = ResourceWatch(
            self._cluster, self._kind, {EXECUTOR_LABEL: self._label}, setup.clock, setup.metrics
        )
        self._watch.start()

    async def close(self) -> None:
        """Watch no more."""
        await self._watch.close()

    async def start_task(
        self, ctx: TaskContext[K8sState], template: TaskTemplate, spec: M, inputs: LiteralMap
    ) -> TaskStatus[K8sState]:
        """Make the resource, or find it made by an earlier call."""
        resource = self._completed(ctx, await self.build_resource(ctx, template, spec, inputs))
        pod_secrets.check_are_named(template, resource, self.id)
        key = key_of(resource)
        self._watch.follow(key, ctx.wake)  # before there is any news
        is_new = False

        async def submit(_token: str) -> str:
            nonlocal is_new
            try:
                made = await self._cluster.create(resource)
            except errors.ConflictError as error:
                return await self._adopted(ctx, key, error)
            is_new = True
            return uid_of(made)

        try:
            uid = await ctx.once(_CREATE, submit, lambda _token: self._found(ctx, key))
        except errors.QuotaError as error:
            again = error.after or timedelta(seconds=self._config.quota_s)
            return TaskStatus.not_ready(K8sState(), reason=str(error), check_after=again)
        state = K8sState(key, uid)
        return (
            TaskStatus.queued(state, check_after=self._check_after)
            if is_new
            else await self._look(ctx, state)
        )

    async def check_task_status(self, ctx: TaskContext[K8sState]) -> TaskStatus[K8sState]:
        """What the watch has seen last; the cluster is asked where it has nothing."""
        return await self._look(ctx, ctx.state)

    async def kill_task(self, ctx: TaskContext[K8sState], reason: str) -> None:
        """Delete the resource, also one that no state tells of."""
        found = await self._own(ctx)
        if found is not None:
            await self._delete(found)

    async def finalize_task(self, ctx: TaskContext[K8sState]) -> None:
        """Let the resource go, and delete it unless it is to be kept."""
        found = await self._own(ctx)
        if found is not None:
            finalizers = found["metadata"].get("finalizers", ())
            if FINALIZER in finalizers:
                remaining = [one for one in finalizers if one != FINALIZER]
                version = found["metadata"]["resourceVersion"]
                patch = {"metadata": {"finalizers": remaining, "resourceVersion": version}}
                await self._cluster.patch(key_of(found), patch)
            if not self._config.keeps_resources:
                await self._delete(found)
        self._watch.forget(self._key_of(ctx))

    async def _delete(self, resource: Manifest) -> None:
        """Ask for its end, once: another request would cut the time short that it was given to end by itself."""
        if not is_being_deleted(resource):
            grace = None if self._config.grace_s is None else timedelta(seconds=self._config.grace_s)
            await self._cluster.delete(key_of(resource), uid_of(resource), grace)

    async def _look(self, ctx: TaskContext[K8sState], state: K8sState) -> TaskStatus[K8sState]:
        """Where the resource stands."""
        if state.key is None:
            raise errors.BugError(f"{ctx.task_execution_id.attempt} is followed without a resource")
        self._watch.follow(state.key, ctx.wake)
        found = self._watch.find(state.key)
        if found is None or uid_of(found) != state.uid:
            found = await self._cluster.get(state.key)
        if found is None or uid_of(found) != state.uid:
            return TaskStatus.retryable_failure(
                _lost(f"{state.key} has vanished: somebody deleted it, or its node went away with it"), state
            )
        return await self._told(ctx, found, state)

    async def _told(
        self, ctx: TaskContext[K8sState], resource: Manifest, state: K8sState
    ) -> TaskStatus[K8sState]:
        """The author's status, with the state; a deletion that nobody here asked for ends what has not succeeded."""
        status = await self.get_task_status(ctx, resource)
        if is_being_deleted(resource) and status.phase is not AttemptPhase.SUCCEEDED:
            return TaskStatus.retryable_failure(
                _lost(f"{state.key} was deleted by somebody before it had succeeded"), state
            )
        details = status.details
        if details.check_after is None:
            details = msgspec.structs.replace(details, check_after=self._check_after)
        return msgspec.structs.replace(status, state=state, details=details)

    async def _adopted(
        self, ctx: TaskContext[K8sState], key: ResourceKey, conflict: errors.ConflictError
    ) -> str:
        """The uid of what is there under our name, if this attempt made it."""
        found = await self._found(ctx, key)
        if found is None:
            raise errors.RetryableError(f"{key} could not be made, and is gone: {conflict}") from conflict
        return found

    async def _found(self, ctx: TaskContext[K8sState], key: ResourceKey) -> str | None:
        """The uid of what this attempt made; None if nothing has its name.

        Raises:
            UserError: Somebody else's has.
        """
        found = await self._cluster.get(key)
        if found is None:
            return None
        if not _is_of(ctx, found):
            raise errors.UserError(
                f"{key} is there already and is not of {ctx.task_execution_id.attempt}: delete it, or have this "
                f"executor use another namespace by [executors.{self.id}]"
            )
        return uid_of(found)

    async def _own(self, ctx: TaskContext[K8sState]) -> Manifest | None:
        """The attempt's resource as it is now; None if there is none, or another one has its name."""
        known_uid = "" if ctx.custom_state is None else ctx.custom_state.uid
        found = await self._cluster.get(self._key_of(ctx))
        if found is None or not _is_of(ctx, found):
            return None
        return found if known_uid in ("", uid_of(found)) else None

    def _key_of(self, ctx: TaskContext[K8sState]) -> ResourceKey:
        state = ctx.custom_state
        if state is not None and state.key is not None:
            return state.key
        namespace = self._config.namespace or ctx.namespace
        return ResourceKey(self._kind, namespace, ctx.task_execution_id.generated_name)

    def _completed(self, ctx: TaskContext[K8sState], built: Manifest) -> Manifest:
        """The author's manifest with all that the base puts in."""
        if kind_of(built) not in (self._kind, ResourceKind("", "")):
            raise errors.BugError(
                f"executor {self.id!r} built a resource of the kind {kind_of(built)} and watches {self._kind}: "
                "return the same from build_identity_resource"
            )
        metadata: Mapping[str, Any] = built.get("metadata", {})
        key = self._key_of(ctx)
        own = {ATTEMPT_ANNOTATION: str(ctx.task_execution_id.attempt), DATA_DIR_ANNOTATION: str(ctx.data_dir)}
        return {
            **built,
            "apiVersion": self._kind.api_version,
            "kind": self._kind.kind,
            "metadata": {
                **metadata,
                "name": key.name,
                "namespace": key.namespace,
                "labels": {
                    **self._config.labels,
                    **metadata.get("labels", {}),
                    **ctx.labels,
                    EXECUTOR_LABEL: self._label,
                },
                "annotations": {
                    **self._config.annotations,
                    **metadata.get("annotations", {}),
                    **ctx.annotations,
                    **own,
                },
                "finalizers": [*metadata.get("finalizers", ()), FINALIZER],
            },
        }


def _is_of(ctx: TaskContext[Any], resource: Manifest) -> bool:
    """Whether this attempt made it."""
    annotations = resource["metadata"].get("annotations", {})
    return annotations.get(ATTEMPT_ANNOTATION) == str(ctx.task_execution_id.attempt)


def _lost(message: str) -> Failure:
    return Failure(code="SYSTEM:ResourceLost", message=message, kind=errors.ErrorKind.SYSTEM)
