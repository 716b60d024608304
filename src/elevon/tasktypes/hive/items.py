"""The custom state of the hive executor: a work item for each query, and how one goes from step to step.

It owns what survives a restart, and which step follows which. It must never call anything.
"""

import enum
from datetime import datetime, timedelta
from typing import Any

import msgspec

from elevon.tasktypes.hive.backends.interfaces import Query


class ItemPhase(enum.StrEnum):
    """Where a query stands; the last two are ends."""

    PENDING = "pending"
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class WorkItem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One query.

    Attributes:
        text: What is run, its placeholders replaced.
        timeout_s: A try that runs longer has failed; 0 for no limit.
        retry_count: How many tries may follow the first.
        try_index: Which try this is, from 0.
        phase: Where the try stands.
        prepared: What the backend has prepared for the try.
        handle: What names the try at the backend; None before it was submitted.
        running_at: When the try was first seen running.
        message: What the backend said last.
        link: Where a person can look at it.
        progress: In percent.
        is_mendable: Of a failed one: whether another attempt may do better.
        is_system_fault: Of a failed one: whether the service failed and not the query.
    """

    text: str
    timeout_s: int = 0
    retry_count: int = 0
    try_index: int = 0
    phase: ItemPhase = ItemPhase.PENDING
    prepared: Any = None
    handle: Any = None
    running_at: datetime | None = None
    message: str = ""
    link: str = ""
    progress: int = 0
    is_mendable: bool = True
    is_system_fault: bool = False

    @property
    def is_in_flight(self) -> bool:
        """Whether the backend has it and has not ended it."""
        return self.phase in (ItemPhase.QUEUED, ItemPhase.RUNNING)

    @property
    def is_over(self) -> bool:
        """Whether nothing more will be done for it."""
        return self.phase in (ItemPhase.SUCCEEDED, ItemPhase.FAILED)

    @property
    def overdue_at(self) -> datetime | None:
        """When it will have run too long; None for never, or not yet known."""
        if self.running_at is None or not self.timeout_s:
            return None
        return self.running_at + timedelta(seconds=self.timeout_s)

    def begun(self, prepared: Any, handle: Any) -> "WorkItem":
        """The backend has taken it."""
        return msgspec.structs.replace(self, phase=ItemPhase.QUEUED, prepared=prepared, handle=handle)

    def seen_waiting(self, message: str, link: str) -> "WorkItem":
        """The backend has it in a queue; one that was seen running stays so."""
        return msgspec.structs.replace(self, message=message, link=link)

    def seen_running(self, now: datetime, message: str, link: str, progress: int) -> "WorkItem":
        """The backend runs it."""
        return msgspec.structs.replace(
            self,
            phase=ItemPhase.RUNNING,
            running_at=self.running_at or now,
            message=message,
            link=link,
            progress=max(progress, self.progress),
        )

    def succeeded(self, link: str) -> "WorkItem":
        """It has succeeded."""
        return msgspec.structs.replace(
            self, phase=ItemPhase.SUCCEEDED, message="", link=link or self.link, progress=100
        )

    def failed(self, message: str, *, is_mendable: bool, is_system_fault: bool = False) -> "WorkItem":
        """The try has failed: the next one is pending, if one is left and can help."""
        if is_mendable and self.try_index < self.retry_count:
            return WorkItem(
                text=self.text,
                timeout_s=self.timeout_s,
                retry_count=self.retry_count,
                try_index=self.try_index + 1,
                message=f"after try {self.try_index}: {message}",
            )
        return msgspec.structs.replace(
            self,
            phase=ItemPhase.FAILED,
            message=message,
            is_mendable=is_mendable,
            is_system_fault=is_system_fault,
        )


class Output(msgspec.Struct, frozen=True):
    """The data set that the queries write.

    Attributes:
        name: Of the output.
        kind: `blob`, `structured_dataset` or `schema`.
        uri: Where it is.
        format: Of its files.
    """

    name: str
    kind: str
    uri: str
    format: str = ""


class HiveState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All that survives a restart of the engine.

    Attributes:
        backend: Who runs the queries.
        name: Whose they are, for people.
        cluster_label: Where they run.
        tags: For the service.
        items: The queries.
        output: What they write; None for nothing that is an output.
        report: Digest of what was last reported, phase aside.
    """

    backend: str
    name: str = ""
    cluster_label: str = ""
    tags: tuple[str, ...] = ()
    items: tuple[WorkItem, ...] = ()
    output: Output | None = None
    report: str = ""

    def query(self, item: WorkItem) -> Query:
        """What a backend is told of a query."""
        return Query(
            text=item.text,
            name=self.name,
            cluster_label=self.cluster_label,
            tags=self.tags,
            timeout_s=item.timeout_s,
        )
