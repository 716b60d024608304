"""The one way in which a request makes an execution, whatever it is made of.

It owns that the same request under the same name gives the same execution: clients send again what they have no answer
to.
"""

from elevon import errors
from elevon.admin.executions import DOMAIN, PROJECT, Admin, NewExecution
from elevon.admin.wire.engines import Engines
from elevon.records.executions import ExecutionRecord
from elevon.records.identities import ExecutionId


async def started(admin: Admin, engines: Engines, new: NewExecution) -> ExecutionRecord:
    """Create an execution that has a name and have it driven, unless it is there and has ended.

    Raises:
        UserError: The name or the inputs don't fit; names all of it.
        ConflictError: The name is that of an execution that was asked for otherwise.
        UnavailableError: Nobody can run it, or it could not be written.
    """
    await engines.ensure_served(new)
    record = await _created(admin, new)
    if not record.phase.is_terminal:
        engines.take_up(record.id)
    return record


async def _created(admin: Admin, new: NewExecution) -> ExecutionRecord:
    try:
        return await admin.create_execution(new)
    except errors.ConflictError:
        existing = await admin.get(ExecutionId(PROJECT, DOMAIN, new.name))
        if not admin.is_of(existing, new):
            raise
        return existing
