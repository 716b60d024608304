"""What requests ask for, read: identities, pages, filters, and what an execution is to be like.

It owns the refusals: what elevon does not honour is named, never passed over.
"""

import re
from typing import Final, NamedTuple

from elevon import errors
from elevon.admin.executions import DOMAIN, PROJECT
from elevon.admin.wire import page_tokens
from elevon.admin.wire.page_tokens import Listing
from elevon.idl.admin_messages import (
    ExecutionCreateRequest,
    ExecutionMetadata,
    ExecutionRecoverRequest,
    NodeExecutionListRequest,
    ResourceListRequest,
    Sort,
    TaskExecutionListRequest,
)
from elevon.idl.messages import Identifier, Message, ResourceType, WorkflowExecutionIdentifier
from elevon.primitives import suggestions
from elevon.records.identities import ExecutionId
from elevon.records.launch_plans import LaunchPlanId
from elevon.records.phases import ExecutionPhase
from elevon.records.snapshots import NodePlace

_SPEC_FIELDS: Final = frozenset({"launch_plan", "metadata", "max_parallelism"})
_METADATA_FIELDS: Final = frozenset({"mode", "principal"})
_FILTER: Final = re.compile(r"\s*(?P<verb>\w+)\(\s*(?P<field>[\w.]+)\s*,\s*(?P<values>[^()]*?)\s*\)\s*")
_PAGE_COUNT: Final = 100
_PAGE_LIMIT: Final = 1000


class ExecutionPage(NamedTuple):
    """Which executions are wanted, newest first.

    Attributes:
        listing: The list that it is a page of.
        limit: At most so many.
        behind: Only what comes behind that one.
        phases: Only those in one of them; empty for all.
    """

    listing: Listing
    limit: int
    behind: ExecutionId | None
    phases: frozenset[ExecutionPhase]


class NodePage(NamedTuple):
    """Which nodes are wanted, oldest first.

    Attributes:
        listing: The list that it is a page of.
        limit: At most so many.
        behind: Only what comes behind that place.
    """

    listing: Listing
    limit: int
    behind: NodePlace | None


class AttemptPage(NamedTuple):
    """Which attempts of a node are wanted, in order.

    Attributes:
        listing: The list that it is a page of.
        limit: At most so many.
        behind: Only those of a greater index.
    """

    listing: Listing
    limit: int
    behind: int | None


def check_namespace(project: str, domain: str) -> None:
    """Refuse what is not ours; empty stands for the only one that there is.

    Raises:
        UserError: It names another project or domain.
    """
    if project not in ("", PROJECT) or domain not in ("", DOMAIN):
        raise errors.UserError(
            f"there is no project {project!r} with a domain {domain!r}: "
            f"elevon has the project {PROJECT} with the domain {DOMAIN}"
        )


def execution_id(wanted: WorkflowExecutionIdentifier) -> ExecutionId:
    """The execution that is meant.

    Raises:
        UserError: It names another project or domain, or no execution.
    """
    check_namespace(wanted.project, wanted.domain)
    if not wanted.name:
        raise errors.UserError("id.name is missing: it names the execution")
    return ExecutionId(PROJECT, DOMAIN, wanted.name)


def launch_plan_id(wanted: Identifier, field: str) -> LaunchPlanId:
    """The launch plan that is meant.

    Args:
        wanted: Its identity; without a version the newest.
        field: Where it stands in the request.

    Raises:
        UserError: It is none.
    """
    if wanted.resource_type not in (ResourceType.LAUNCH_PLAN, ResourceType.UNSPECIFIED):
        kind = ResourceType.Name(wanted.resource_type)
        raise errors.UserError(f"{field}.resource_type is {kind}: executions are started by a LAUNCH_PLAN")
    if not wanted.name:
        raise errors.UserError(f"{field}.name is missing: it names the launch plan")
    check_namespace(wanted.project, wanted.domain)
    return LaunchPlanId(PROJECT, DOMAIN, wanted.name, wanted.version)


def check_creation(request: ExecutionCreateRequest) -> None:
    """Refuse what an execution can't be told.

    Raises:
        UserError: Something is set that elevon does not honour; names all of it.
    """
    check_namespace(request.project, request.domain)
    spec = request.spec
    unknown = [f"spec.{name}" for name in _names_of(spec) if name not in _SPEC_FIELDS]
    unknown += [f"spec.metadata.{name}" for name in _names_of(spec.metadata) if name not in _METADATA_FIELDS]
    if request.org:
        unknown.append("org")
    if unknown:
        raise errors.UserError(
            f"{', '.join(unknown)}: elevon does not honour that in a new execution: leave it out"
        )
    if spec.metadata.mode != ExecutionMetadata.ExecutionMode.MANUAL:
        mode = ExecutionMetadata.ExecutionMode.Name(spec.metadata.mode)
        raise errors.UserError(f"spec.metadata.mode is {mode}: what a client starts is MANUAL")
    if spec.max_parallelism < 0:
        raise errors.UserError(f"spec.max_parallelism is {spec.max_parallelism}: use 0 for no limit, or more")


def check_recovery(request: ExecutionRecoverRequest) -> None:
    """Refuse what a recovery can't be told.

    Raises:
        UserError: Something is set that elevon does not honour; names all of it.
    """
    unknown = [f"metadata.{name}" for name in _names_of(request.metadata) if name not in _METADATA_FIELDS]
    if unknown:
        raise errors.UserError(
            f"{', '.join(unknown)}: elevon does not honour that in a recovery: leave it out"
        )


def execution_page_of(request: ResourceListRequest) -> ExecutionPage:
    """Which executions are wanted.

    Raises:
        UserError: It asks for an order, a filter or a number that there is not, or its token is of another list.
    """
    check_namespace(request.id.project, request.id.domain)
    _check_order(request.sort_by, Sort.Direction.DESCENDING)
    phases = _phases_of(request.filters)
    listing = Listing("executions", tuple(sorted(phases)))
    name = page_tokens.place(request.token, listing, str)
    behind = ExecutionId(PROJECT, DOMAIN, name) if name is not None else None
    return ExecutionPage(listing, _limit_of(request.limit), behind, phases)


def node_page_of(request: NodeExecutionListRequest) -> NodePage:
    """Which nodes are wanted.

    Raises:
        UserError: It asks for an order, a filter or a number that there is not, or its token is of another list.
    """
    _check_part(request)
    listing = Listing("nodes", (request.workflow_execution_id.name, request.unique_parent_id))
    behind = page_tokens.place(request.token, listing, NodePlace)
    return NodePage(listing, _limit_of(request.limit), behind)


def attempt_page_of(request: TaskExecutionListRequest) -> AttemptPage:
    """Which attempts are wanted.

    Raises:
        UserError: It asks for an order, a filter or a number that there is not, or its token is of another list.
    """
    _check_part(request)
    of = request.node_execution_id
    listing = Listing("attempts", (of.execution_id.name, of.node_id))
    return AttemptPage(listing, _limit_of(request.limit), page_tokens.place(request.token, listing, int))


def _check_part(request: NodeExecutionListRequest | TaskExecutionListRequest) -> None:
    _check_order(request.sort_by, Sort.Direction.ASCENDING)
    if request.filters:
        raise errors.UserError(f"filters {request.filters!r}: nodes and attempts have no filters")


def _limit_of(limit: int) -> int:
    if limit > _PAGE_LIMIT:
        raise errors.UserError(
            f"limit {limit} is too large: use up to {_PAGE_LIMIT}, and the token for the next page"
        )
    return limit or _PAGE_COUNT


def _check_order(wanted: Sort, direction: "Sort.Direction.ValueType") -> None:
    if wanted.key and (wanted.key != "created_at" or wanted.direction != direction):
        name = Sort.Direction.Name(direction)
        raise errors.UserError(f"sort_by {wanted.key!r}: this list is sorted by created_at, {name}, alone")


def _phases_of(filters: str) -> frozenset[ExecutionPhase]:
    """The phases that filters such as `eq(phase,RUNNING)` and `value_in(phase,FAILED;ABORTED)` leave."""
    found = frozenset(ExecutionPhase)
    for text in filters.split("+") if filters else ():
        match = _FILTER.fullmatch(text)
        if match is None or match["field"] != "phase" or match["verb"] not in ("eq", "value_in"):
            raise errors.UserError(
                f"filter {text!r} is none of elevon's: write eq(phase,RUNNING) or value_in(phase,FAILED;ABORTED)"
            )
        found &= {_phase(name) for name in match["values"].split(";")}
    if not found:
        raise errors.UserError(f"filters {filters!r} leave no phase: an execution is in one at a time")
    return found if filters else frozenset()


def _phase(name: str) -> ExecutionPhase:
    try:
        return ExecutionPhase(name.strip().upper())
    except ValueError:
        hint = suggestions.hint(name.strip().upper(), [phase.value for phase in ExecutionPhase])
        raise errors.UserError(f"filters: {name.strip()!r} is no phase: {hint}") from None


def _names_of(message: Message) -> list[str]:
    return [field.name for field, _ in message.ListFields()]
