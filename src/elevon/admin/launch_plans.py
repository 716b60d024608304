"""Launch plans: workflows that are registered with their code, and can be started by name from then on.

It owns what has to be true of one before it is kept, and its version where nobody chose one: the digest of all that it
is, so that the same thing registered twice is one launch plan.
"""

import msgspec

from elevon import errors
from elevon.idl.messages import CompiledWorkflowClosure, ParameterMap
from elevon.ports import Clock, StateStore
from elevon.primitives import ids
from elevon.records.launch_plans import LaunchPlanId, LaunchPlanRecord

_VERSION_LENGTH = 20
_VERSION_LIMIT = 255
_KEPT_COUNT = 16


class NewLaunchPlan(msgspec.Struct, frozen=True, kw_only=True):
    """A launch plan that is to be.

    Attributes:
        closure: What it runs, as the compiler made it.
        parameters: What it takes, with defaults.
        code: Bundle of the user's code; empty for none.
        source_path: Where the code was read from.
        version: Its version; empty for the digest of all the rest.
    """

    closure: CompiledWorkflowClosure
    parameters: ParameterMap
    code: bytes = b""
    source_path: str = ""
    version: str = ""


class LaunchPlans:
    """What can be started by name.

    Args:
        store: Where they are; open.
        clock: The source of time.
    """

    def __init__(self, store: StateStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._loaded: dict[LaunchPlanId, NewLaunchPlan] = {}

    async def register(self, new: NewLaunchPlan) -> LaunchPlanRecord:
        """Keep it under the identity of its workflow; the same again is free.

        Raises:
            UserError: The version is too long.
            ConflictError: Something else is registered under that version.
        """
        if len(new.version) > _VERSION_LIMIT:
            raise errors.UserError(
                f"a version of {len(new.version)} characters is too long: use up to {_VERSION_LIMIT}"
            )
        closure = new.closure.SerializeToString(deterministic=True)
        parameters = new.parameters.SerializeToString(deterministic=True)
        workflow = new.closure.primary.template.id
        version = new.version or ids.digest(closure, parameters, new.code)[:_VERSION_LENGTH]
        artifacts = {ids.digest(content): content for content in (closure, new.code) if content}
        record = LaunchPlanRecord(
            id=LaunchPlanId(workflow.project, workflow.domain, workflow.name, version),
            closure_digest=ids.digest(closure),
            code_digest=ids.digest(new.code) if new.code else "",
            source_path=new.source_path,
            default_inputs=parameters,
            created_at=self._clock.now(),
        )
        await self._store.put_launch_plan(record, artifacts)
        return record

    async def get(self, plan: LaunchPlanId) -> LaunchPlanRecord:
        """The one of that id, or the newest of its name for an empty version; `NotFoundError` if there is none."""
        return await self._store.get_launch_plan(plan)

    async def load(self, record: LaunchPlanRecord) -> NewLaunchPlan:
        """What was registered; the last ones are kept at hand, as none ever changes."""
        if record.id not in self._loaded:
            while len(self._loaded) >= _KEPT_COUNT:
                del self._loaded[next(iter(self._loaded))]
            self._loaded[record.id] = await self._read(record)
        return self._loaded[record.id]

    async def _read(self, record: LaunchPlanRecord) -> NewLaunchPlan:
        return NewLaunchPlan(
            closure=CompiledWorkflowClosure.FromString(await self._store.get_artifact(record.closure_digest)),
            parameters=ParameterMap.FromString(record.default_inputs),
            code=await self._store.get_artifact(record.code_digest) if record.code_digest else b"",
            source_path=record.source_path,
            version=record.id.version,
        )
