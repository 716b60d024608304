"""How storms ask for the end of executions."""

from elevon import app, errors
from elevon.records.identities import ExecutionId


async def abort(engine: app.Embedded, execution: ExecutionId) -> None:
    """End it, unless it has ended."""
    try:
        await engine.admin.abort(execution, by="the storm", reason="it was to be")
    except errors.UserError as error:
        if "ended" not in str(error):
            raise
