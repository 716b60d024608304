"""What one run of the storm of jobs is, by its seed: a workflow of one job, and what is to become of it."""

import random
from datetime import timedelta
from typing import Any, NamedTuple

from elevon import workflow
from elevon.records.identities import ExecutionId
from elevon.records.phases import ExecutionPhase
from http_job.http_job_pb2 import Outcome
from http_job.task import HttpJobTask

quick = HttpJobTask("quick")
middling = HttpJobTask("middling", timedelta(milliseconds=300))
slow = HttpJobTask("slow", timedelta(seconds=2))
failing = HttpJobTask("failing", timedelta(milliseconds=100), Outcome.FAIL)
flaky = HttpJobTask("flaky", timedelta(milliseconds=100), Outcome.FAIL_FOR_NOW, retries=1)
hurried = HttpJobTask("hurried", outcome=Outcome.RUN_FOR_EVER, timeout=timedelta(milliseconds=500))
endless = HttpJobTask("endless", outcome=Outcome.RUN_FOR_EVER)


@workflow
def at_once(value: int) -> int:
    return quick(value)


@workflow
def soon(value: int) -> int:
    return middling(value)


@workflow
def later(value: int) -> int:
    return slow(value)


@workflow
def fails(value: int) -> int:
    return failing(value)


@workflow
def fails_twice(value: int) -> int:
    return flaky(value)


@workflow
def times_out(value: int) -> int:
    return hurried(value)


@workflow
def is_aborted(value: int) -> int:
    return endless(value)


class Kind(NamedTuple):
    """A kind of run.

    Attributes:
        workflow: What it runs.
        weight: How often it is drawn.
        phase: How it is to end.
        job_count: How many jobs it is to make; one that is aborted may make none.
        is_ended_from_outside: Whether its jobs do not end by themselves.
    """

    workflow: Any
    weight: int
    phase: ExecutionPhase
    job_count: int = 1
    is_ended_from_outside: bool = False


KINDS = (
    Kind(at_once, 15, ExecutionPhase.SUCCEEDED),
    Kind(soon, 20, ExecutionPhase.SUCCEEDED),
    Kind(later, 15, ExecutionPhase.SUCCEEDED),
    Kind(fails, 10, ExecutionPhase.FAILED),
    Kind(fails_twice, 10, ExecutionPhase.FAILED, job_count=2),
    Kind(times_out, 10, ExecutionPhase.FAILED, is_ended_from_outside=True),
    Kind(is_aborted, 20, ExecutionPhase.ABORTED, is_ended_from_outside=True),
)


class Behaviour(NamedTuple):
    """One run.

    Attributes:
        seed: How to ask for it again, and the value that its job gives back.
        kind: What it does.
        abort_after_s: When its end is asked for, in each engine anew; None for a run that ends by itself.
    """

    seed: int
    kind: Kind
    abort_after_s: float | None

    @property
    def execution(self) -> ExecutionId:
        """Its execution."""
        return ExecutionId("default", "development", f"r{self.seed}")


def of_seed(seed: int) -> Behaviour:
    """The run of a seed."""
    chance = random.Random(seed)
    (kind,) = chance.choices(KINDS, [one.weight for one in KINDS])
    is_ended = kind.phase is ExecutionPhase.ABORTED
    return Behaviour(seed, kind, chance.uniform(0.0, 2.0) if is_ended else None)
