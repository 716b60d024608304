"""What a store says when it refuses: one sentence each, the same from every adapter."""

from elevon import errors
from elevon.records.identities import AttemptId, ExecutionId
from elevon.records.launch_plans import LaunchPlanId
from elevon.records.leases import Lease


def exists(execution: ExecutionId) -> errors.ConflictError:
    """An execution of that id was created before."""
    return errors.ConflictError(f"execution {execution} exists already: choose another id")


def no_execution(execution: ExecutionId) -> errors.NotFoundError:
    """There is no execution of that id."""
    return errors.NotFoundError(
        f"there is no execution {execution}: `elevon executions` lists those there are"
    )


def no_launch_plan(plan: LaunchPlanId) -> errors.NotFoundError:
    """There is no launch plan of that id."""
    version = f"version {plan.version!r} of a launch plan" if plan.version else "launch plan"
    return errors.NotFoundError(
        f"there is no {version} {plan.name!r} in project {plan.project} and domain {plan.domain}: "
        "`elevon run --remote` registers one"
    )


def other_launch_plan(plan: LaunchPlanId) -> errors.ConflictError:
    """That id stands for something else."""
    return errors.ConflictError(
        f"launch plan {plan} is registered already as something else: choose another version"
    )


def no_artifact(digest: str) -> errors.NotFoundError:
    """There is no content of that digest."""
    return errors.NotFoundError(f"there is no artifact {digest} in this home")


def fenced(lease: Lease) -> errors.ConflictError:
    """The lease is not the newest any more."""
    return errors.ConflictError(
        f"execution {lease.execution} is no longer owned by engine {lease.owner} (fencing number {lease.fencing}): "
        "another engine took it over, or it was released or deleted"
    )


def leased(lease: Lease) -> errors.ConflictError:
    """Somebody drives the execution."""
    return errors.ConflictError(
        f"execution {lease.execution} is being driven by engine {lease.owner}: abort it or end that engine first"
    )


def over(attempt: AttemptId) -> errors.ConflictError:
    """The attempt has ended, so it can't hold anything."""
    return errors.ConflictError(f"attempt {attempt} is over or was never begun: it gets no token of a pool")


def closed(place: str) -> errors.UnavailableError:
    """The store is not open."""
    return errors.UnavailableError(f"the state store {place} is not open")
