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


async def test_pruning_spares_the_newest_of_a_name_what_is_young_and_what_an_execution_runs(
    store: ports.StateStore,
) -> None:
    other = LaunchPlanId("default", "development", "other", "v1")
    await store.put_launch_plan(plan("v1", closure_digest="c1", code_digest="d1"), {"c1": b"1", "d1": b"1"})
    await store.put_launch_plan(plan("v2", closure_digest="c2"), {"c2": b"2", "d": b"code"})
    await store.put_launch_plan(plan("v3", closure_digest="c3"), {"c3": b"3"})
    await store.put_launch_plan(plan("v4", 2 * MINUTE, closure_digest="c4"), {"c4": b"4"})
    await store.put_launch_plan(plan("v5", 2 * MINUTE, closure_digest="c5"), {"c5": b"5"})
    await store.put_launch_plan(plan(id=other, closure_digest="c1"), {"c1": b"1"})
    await store.create_execution(execution(closure_digest="c3"), {})
    removed = await store.prune_launch_plans(START + MINUTE)
    assert [one.version for one in removed] == ["v1", "v2"]
    assert (await store.get_launch_plan(msgspec.structs.replace(PLAN, version=""))).id.version == "v5"
    assert (await store.get_launch_plan(other)).id == other
    for digest in ("d1", "c2"):
        with pytest.raises(errors.NotFoundError):
            await store.get_artifact(digest)
    for digest in ("c1", "c3", "c4", "d"):
        await store.get_artifact(digest)
    assert await store.prune_launch_plans(START + MINUTE) == ()


async def test_a_plan_goes_when_the_last_execution_of_it_has_gone(store: ports.StateStore) -> None:
    await store.put_launch_plan(plan("v1", closure_digest="c1"), {"c1": b"1"})
    await store.put_launch_plan(plan("v2", MINUTE, closure_digest="c2"), {"c2": b"2"})
    await store.create_execution(execution(closure_digest="c1"), {})
    assert await store.prune_launch_plans(START + 2 * MINUTE) == ()
    await store.delete_execution(RUN)
    assert [one.version for one in await store.prune_launch_plans(START + 2 * MINUTE)] == ["v1"]
    with pytest.raises(errors.NotFoundError):
        await store.get_artifact("c1")


async def test_what_a_plan_refers_to_outlives_the_executions_of_it(store: ports.StateStore) -> None:
    await store.put_launch_plan(plan(), {"c": b"closure", "d": b"code"})
    await store.create_execution(execution(code_digest="d"), {})
    await store.delete_execution(RUN)
    assert await store.get_artifact("c") == b"closure"
    assert await store.get_artifact("d") == b"code"
