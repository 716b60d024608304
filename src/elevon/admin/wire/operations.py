"""What operators do to the executions of a server, where Flyte has no call for it.

That is: orders for attempts, going on with an execution, recovering one with other code, removing what has ended, and
draining task types.
Each is the same that a command does in a home; what is asked is durable once it is answered.
"""

from datetime import timedelta

import msgspec

from elevon import errors
from elevon.admin.attempts import Order, OrderStanding
from elevon.admin.executions import DOMAIN, PROJECT, Admin, NewExecution, Pruned
from elevon.admin.rosters import Drained, Roster
from elevon.admin.wire import creations
from elevon.admin.wire.engines import Engines
from elevon.primitives import ids
from elevon.records.executions import ExecutionRecord
from elevon.records.identities import AttemptId, ExecutionId
from elevon.records.launch_plans import LaunchPlanId
from elevon.records.leases import RequestKind


class AttemptOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is asked of an attempt.

    Attributes:
        kind: What; not ABORT, which ends an execution.
        node: Its node's unique id.
        attempt: Its index; None for the newest.
        reason: Why, in words.
    """

    kind: RequestKind
    node: str
    attempt: int | None = None
    reason: str = ""


class Pruning(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be removed.

    Attributes:
        older_than_s: Seconds since the end of what goes, at least.
    """

    older_than_s: float


class Recovery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An execution that is to take over what another one reached.

    Attributes:
        name: Its name; empty for a random one.
        launch_plan_version: Of the workflow as it is to run now; empty for what the other one ran.
    """

    name: str = ""
    launch_plan_version: str = ""


class Draining(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why a task type is drained.

    Attributes:
        reason: In words.
    """

    reason: str = ""


class Operations:
    """Answers operators.

    Args:
        admin: What requests come to.
        engines: What drives executions.
        roster: The executors that it has.

    Attributes:
        roster: The same; only what its engine must heed is asked here.
    """

    def __init__(self, admin: Admin, engines: Engines, roster: Roster) -> None:
        self._admin = admin
        self._engines = engines
        self.roster = roster

    async def find(self, text: str) -> ExecutionRecord:
        """The record of the execution of that name, or of the only one whose name begins so.

        Raises:
            NotFoundError: There is none, or there are several; names what is near.
        """
        return await self._admin.find(text)

    async def order(self, execution: ExecutionId, wanted: AttemptOrder, by: str) -> AttemptId:
        """Ask something of an attempt; returns which one was meant.

        Raises:
            NotFoundError: There is no such execution, node or attempt; names what is near.
            UserError: It means nothing for the attempt as it stands; says why.
        """
        if wanted.kind is RequestKind.ABORT:
            raise errors.UserError("kind: an attempt is not aborted, but failed: use FAIL, ABANDON or UNPARK")
        order = Order(
            execution=execution, node_id=wanted.node, attempt=wanted.attempt, by=by, reason=wanted.reason
        )
        asked = await self._admin.attempts.ask(wanted.kind, order)
        await self._engines.heed()
        return asked

    async def standing(self, attempt: AttemptId) -> OrderStanding:
        """What has come of an order.

        Raises:
            NotFoundError: There is no such execution, node or attempt.
        """
        return await self._admin.attempts.standing(attempt, self._engines.is_alive)

    async def resume(self, execution: ExecutionId) -> ExecutionRecord:
        """Go on with an execution, also with one that could not be driven before; returns it as it is.

        Raises:
            NotFoundError: There is no such execution.
        """
        record = await self._admin.get(execution)
        if not record.phase.is_terminal:
            self._engines.resume(execution)
        return record

    async def recover(self, execution: ExecutionId, recovery: Recovery) -> ExecutionRecord:
        """Run a failed execution again with another launch plan of its workflow, without the nodes that succeeded.

        Raises:
            UserError: It has not failed, or the name or the inputs don't fit.
            NotFoundError: There is no such execution or launch plan.
            ConflictError: The name is that of an execution that was asked for otherwise.
            UnavailableError: Nobody can run it, or it could not be written.
        """
        new = await self._new_of(execution, recovery.launch_plan_version)
        named = msgspec.structs.replace(new, name=recovery.name or ids.new())
        again = await self._admin.recovery(execution, named)
        return await creations.started(self._admin, self._engines, again)

    async def delete(self, execution: ExecutionId) -> None:
        """Remove an ended execution, with its files.

        Raises:
            NotFoundError: There is no such execution.
            UserError: It has not ended.
            ConflictError: An execution that was recovered from it is there.
        """
        await self._admin.delete(execution)
        await self._engines.remove_files(execution)

    async def prune(self, pruning: Pruning) -> Pruned:
        """Remove all that ended long ago, with its files."""
        removed = await self._admin.prune(timedelta(seconds=pruning.older_than_s))
        for execution in removed.executions:
            await self._engines.remove_files(execution)
        return removed

    async def drain(self, task_type: str, draining: Draining, by: str) -> Drained:
        """Have no attempt of a type started until it is resumed; what runs goes on.

        Raises:
            UserError: Nobody serves the type, or ever will.
        """
        drained = await self.roster.drain(task_type, by, draining.reason)
        await self._engines.heed()
        return drained

    async def undrain(self, task_type: str) -> None:
        """Have attempts of a type started again.

        Raises:
            UserError: It is not drained; names what is.
        """
        await self.roster.resume(task_type)
        await self._engines.heed()

    async def _new_of(self, execution: ExecutionId, version: str) -> NewExecution:
        if not version:
            return await self._admin.repetition(execution)
        failed = await self._admin.get(execution)
        wanted = LaunchPlanId(PROJECT, DOMAIN, failed.workflow, version)
        plan = await self._admin.launch_plans.load(await self._admin.launch_plans.get(wanted))
        return NewExecution(
            closure=plan.closure,
            parameters=plan.parameters,
            code=plan.code,
            source_path=plan.source_path,
            max_parallelism=failed.max_parallelism,
            launch_plan_version=version,
        )
