"""Launch plans: what can be started by name."""

from datetime import timedelta

import msgspec
import pytest

from elevon import errors, ports
from elevon.records.launch_plans import LaunchPlanId, LaunchPlanRecord
from tests.contract.state_store.worlds import MINUTE, RUN, START, execution

PLAN = LaunchPlanId("default", "development", "flow", "v1")


def plan(version: str = "v1", after: timedelta = timedelta(), **changes: object) -> LaunchPlanRecord:
    record = LaunchPlanRecord(
        id=msgspec.structs.replace(PLAN, version=version),
        closure_digest="c",
        code_digest="d",
        source_path="/a/flow.py",
        default_inputs=b"\x00\xff",
        created_at=START + after,
    )
    return msgspec.structs.replace(record, **changes)


async def test_a_plan_is_read_back_equal_with_what_it_refers_to(store: ports.StateStore) -> None:
    await store.put_launch_plan(plan(), {"c": b"closure", "d": b"code"})
    assert await store.get_launch_plan(PLAN) == plan()
    assert await store.get_artifact("c") == b"closure"
    assert await store.get_artifact("d") == b"code"


async def test_the_same_plan_may_come_again_and_stays_as_it_was(store: ports.StateStore) -> None:
    await store.put_launch_plan(plan(), {"c": b"closure"})
    await store.put_launch_plan(plan(after=MINUTE), {"c": b"closure"})
    assert await store.get_launch_plan(PLAN) == plan()


async def test_another_plan_of_the_same_version_is_refused(store: ports.StateStore) -> None:
    await store.put_launch_plan(plan(), {"c": b"closure"})
    with pytest.raises(errors.ConflictError, match="development:flow:v1 is registered already as something"):
        await store.put_launch_plan(plan(closure_digest="e"), {"e": b"other"})
    assert await store.get_launch_plan(PLAN) == plan()
    with pytest.raises(errors.NotFoundError):
        await store.get_artifact("e")


async def test_without_a_version_the_newest_of_the_name_is_meant(store: ports.StateStore) -> None:
    for version, after in (("v2", MINUTE), ("v1", timedelta()), ("v3", MINUTE)):
        await store.put_launch_plan(plan(version, after), {})
    await store.put_launch_plan(
        plan("v4", 2 * MINUTE, id=LaunchPlanId("other", "development", "flow", "v4")), {}
    )
    assert (await store.get_launch_plan(msgspec.structs.replace(PLAN, version=""))).id.version == "v3"


async def test_a_plan_that_is_not_there_is_named(store: ports.StateStore) -> None:
    with pytest.raises(
        errors.NotFoundError, match="no version 'v1' of a launch plan 'flow' in project default"
    ):
        await store.get_launch_plan(PLAN)
    with pytest.raises(errors.NotFoundError, match="there is no launch plan 'flow'"):
        await store.get_launch_plan(msgspec.structs.replace(PLAN, version=""))


async def test_what_a_plan_refers_to_outlives_the_executions_of_it(store: ports.StateStore) -> None:
    await store.put_launch_plan(plan(), {"c": b"closure", "d": b"code"})
    await store.create_execution(execution(code_digest="d"), {})
    await store.delete_execution(RUN)
    assert await store.get_artifact("c") == b"closure"
    assert await store.get_artifact("d") == b"code"
