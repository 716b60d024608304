"""The control plane of a home, as executors reach it: `ports.ControlPlane` over the rows that its engines write.

It owns what the port's few words mean for a home. Whether something may be done to an execution is `admin`'s to say.
"""

import contextlib
from collections.abc import Sequence

from elevon import errors
from elevon.admin.executions import Admin
from elevon.app.homes import Home
from elevon.propeller import layouts
from elevon.records.executions import ExecutionRecord
from elevon.records.identities import ExecutionId
from elevon.records.standings import ExecutionStanding


class HomeControlPlane:
    """Reads executions of all engines of a home, and asks for the end of one.

    Args:
        admin: Over the home's store.
        home: Where the files of executions are, which is what a link leads to.
    """

    def __init__(self, admin: Admin, home: Home) -> None:
        self._admin = admin
        self._files_uri = home.data_dir.absolute().as_uri()

    async def get_many(self, executions: Sequence[ExecutionId]) -> Sequence[ExecutionStanding | None]:
        """See `ports.ControlPlane`."""
        records = await self._admin.get_many(executions)
        return [None if record is None else self._standing_of(record) for record in records]

    async def terminate(self, execution: ExecutionId, by: str, cause: str) -> None:
        """See `ports.ControlPlane`: the request stays until somebody drives the execution."""
        with contextlib.suppress(errors.UserError):  # it is not there, or has ended
            await self._admin.abort(execution, by=by, reason=cause)

    def _standing_of(self, record: ExecutionRecord) -> ExecutionStanding:
        return ExecutionStanding(
            id=record.id,
            workflow=record.workflow,
            phase=record.phase,
            message=record.failure.message if record.failure else "",
            link=f"{self._files_uri}/{layouts.folder_of(record.id)}",
        )
