"""What the service and its clients say to each other: JSON, one struct for each body."""

import enum

import msgspec


class JobPhase(enum.StrEnum):
    """Where a job stands; the last three are ends."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    DELETED = "deleted"

    @property
    def is_terminal(self) -> bool:
        """Whether it is an end."""
        return self not in (JobPhase.QUEUED, JobPhase.RUNNING)


class JobOutcome(enum.StrEnum):
    """How a job ends by itself."""

    SUCCEED = "succeed"
    FAIL = "fail"
    FAIL_FOR_NOW = "fail-for-now"
    RUN_FOR_EVER = "run-for-ever"


class JobRequest(msgspec.Struct, frozen=True):
    """What is asked for.

    Attributes:
        value: What the job gives back.
        duration_s: How long it takes, in seconds; the first tenth of it in the queue.
        outcome: How it ends.
    """

    value: int
    duration_s: float = 0.0
    outcome: JobOutcome = JobOutcome.SUCCEED


class Job(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A job, as of now.

    Attributes:
        id: The service's name for it.
        phase: Where it stands.
        value: What it gave back, once it has succeeded.
        error: Why it failed.
        is_mendable: Whether another try may do better.
    """

    id: str
    phase: JobPhase
    value: int | None = None
    error: str = ""
    is_mendable: bool = False


class Page(msgspec.Struct, frozen=True):
    """Some of the jobs.

    Attributes:
        jobs: In the order in which they were created, or that of the ids that were asked for.
        next_after: What to ask for the next page; empty on the last one.
    """

    jobs: list[Job]
    next_after: str = ""


class Finish(msgspec.Struct, frozen=True):
    """Which jobs that run are to succeed at once.

    Attributes:
        job_ids: These, or all if there are none.
    """

    job_ids: tuple[str, ...] = ()


class Faults(msgspec.Struct, frozen=True, kw_only=True):
    """How the service is to misbehave from now on.

    Attributes:
        refused_creates: So many creates are answered with 500, and no job is made.
        lost_creates: So many creates make a job, and the connection breaks before the answer.
        latency_s: Every answer takes so much longer, in seconds.
        requests_per_s: More than these are answered with 429 and a Retry-After; 0 for no limit.
        is_down: Everything is answered with 503.
        forgets: Jobs, by their ids, that the service knows no more.
    """

    refused_creates: int = 0
    lost_creates: int = 0
    latency_s: float = 0.0
    requests_per_s: float = 0.0
    is_down: bool = False
    forgets: tuple[str, ...] = ()


PAGE_LIMIT = 500
"""The most jobs that one call lists."""
