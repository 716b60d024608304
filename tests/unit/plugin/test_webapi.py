"""Executors of services: one creation, one poll for all, and every failed call classed by one table."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from elevon import errors
from elevon.idl import literals
from elevon.idl.messages import TaskTemplate
from elevon.plugin import SetupContext
from elevon.plugin.transports import TransportError
from elevon.plugin.webapi import ResourceState, Submission, WebApiExecutor
from elevon.records.phases import AttemptPhase
from elevon.testing.clocks import SimulatedClock
from tests.unit.plugin.shelves import (
    CONFIG,
    RESYNC_S,
    BlindExecutor,
    Meta,
    RepeatingExecutor,
    ShelfExecutor,
    World,
)

TRANSIENT = TransportError("busy", status=503)
FATAL = TransportError("no", status=403)

Story = Callable[[World], Awaitable[None]]
Tell = Callable[..., None]


@pytest.fixture
def tell(tmp_path: Path) -> Tell:
    """Let a story happen in simulated time."""

    def run(story: Story, executor: ShelfExecutor | None = None) -> None:
        clock = SimulatedClock()

        async def whole() -> None:
            async with World(executor or ShelfExecutor(), tmp_path, clock) as world:
                await story(world)

        clock.run(whole())

    return run


class TestCreation:
    def test_a_thing_is_made_once_and_its_name_is_all_that_is_kept(self, tell: Tell) -> None:
        async def story(world: World) -> None:
            ctx = world.attempt()
            status = await ctx.start(world.executor, TaskTemplate())
            assert status.phase is AttemptPhase.QUEUED
            assert ctx.state == ResourceState(Meta(0))
            await ctx.start(world.executor, TaskTemplate())
            assert world.shelf.calls == ["create"]

        tell(story)

    def test_a_lost_answer_is_found_and_not_made_again(self, tell: Tell) -> None:
        async def story(world: World) -> None:
            ctx = world.attempt()
            world.shelf.is_lossy = True
            with pytest.raises(errors.RetryableError, match=r"create under .* failed: the answer was lost"):
                await ctx.start(world.executor, TaskTemplate())
            await ctx.start(world.executor, TaskTemplate())
            assert world.shelf.calls == ["create", "find"]
            assert ctx.state == ResourceState(Meta(0))

        tell(story)

    def test_without_a_find_an_idempotent_create_is_repeated(self, tell: Tell) -> None:
        async def story(world: World) -> None:
            ctx = world.attempt()
            world.shelf.failures["create"] = [TRANSIENT]
            with pytest.raises(errors.RetryableError):
                await ctx.start(world.executor, TaskTemplate())
            await ctx.start(world.executor, TaskTemplate())
            assert (world.shelf.calls, len(world.shelf.keys)) == (["create", "create"], 1)

        tell(story, RepeatingExecutor())

    def test_without_any_way_to_know_an_operator_decides(self, tell: Tell) -> None:
        async def story(world: World) -> None:
            ctx = world.attempt()
            world.shelf.is_lossy = True
            with pytest.raises(errors.RetryableError):
                await ctx.start(world.executor, TaskTemplate())
            with pytest.raises(errors.MayHaveHappenedError):
                await ctx.start(world.executor, TaskTemplate())
            with pytest.raises(errors.MayHaveHappenedError):
                await world.executor.kill_task(ctx, "")
            assert world.shelf.calls == ["create"]

        tell(story, BlindExecutor())

    def test_an_overloaded_service_has_surely_made_nothing_and_is_asked_again(self, tell: Tell) -> None:
        async def story(world: World) -> None:
            ctx = world.attempt()
            world.shelf.failures["create"] = [TransportError("slow down", status=429)] * 2
            for _ in range(2):
                status = await ctx.start(world.executor, TaskTemplate())
                assert status.phase is AttemptPhase.WAITING_FOR_RESOURCES
                await world.executor.kill_task(ctx, "")
            await ctx.start(world.executor, TaskTemplate())
            assert ctx.state == ResourceState(Meta(0))
            await world.executor.kill_task(ctx, "")
            assert world.shelf.calls == ["create", "create", "create", "delete"]

        tell(story, BlindExecutor())

    def test_a_refusal_fails_the_attempt_and_is_remembered(self, tell: Tell) -> None:
        async def story(world: World) -> None:
            ctx = world.attempt()
            world.shelf.failures["create"] = [TransportError("bad colour", status=400)]
            status = await world.executor.start_task(ctx, TaskTemplate(), None, ctx.services.inputs)
            assert status.phase is AttemptPhase.FAILED
            assert status.failure is not None
            assert "the service refused the task: bad colour" in status.failure.message
            again = await world.executor.start_task(ctx, TaskTemplate(), None, ctx.services.inputs)
            await world.executor.kill_task(ctx, "")
            assert again.phase is AttemptPhase.FAILED
            assert world.shelf.calls == ["create"]

        tell(story)

    def test_who_is_to_begin_waits_for_an_overloaded_service_and_leaves_it_alone(self, tell: Tell) -> None:
        async def story(world: World) -> None:
            for retry_after_s in (7, 2):
                slow_down = TransportError(
                    "slow down", status=429, retry_after=timedelta(seconds=retry_after_s)
                )
                world.shelf.failures.setdefault("create", []).append(slow_down)
            first, second = world.attempt(0), world.attempt(1)
            status = await first.start(world.executor, TaskTemplate())
            assert (status.phase, status.details.check_after) == (
                AttemptPhase.WAITING_FOR_RESOURCES,
                timedelta(seconds=7),
            )
            status = await second.start(world.executor, TaskTemplate())
            assert status.details.check_after == timedelta(seconds=7)
            assert world.shelf.calls == ["create"]
            await world.clock.sleep(7)
            await second.start(world.executor, TaskTemplate())
            await first.start(world.executor, TaskTemplate())
            assert world.clock.monotonic() == 9
            assert world.shelf.calls == ["create", "create", "find", "create"]

        tell(story)

    def test_no_more_calls_are_under_way_than_allowed(self, tell: Tell) -> None:
        class Slow(ShelfExecutor):
            async def create(self, submission: Submission[None], token: str) -> Meta:
                await asyncio.sleep(CONFIG.call_s * 0.8)
                return await super().create(submission, token)

        async def story(world: World) -> None:
            count = CONFIG.calls + 1
            attempts = [world.attempt(number) for number in range(2 * count)]
            starts = [attempt.start(world.executor, TaskTemplate()) for attempt in attempts]
            phases = [status.phase for status in await asyncio.gather(*starts)]
            assert phases.count(AttemptPhase.QUEUED) == 2 * CONFIG.calls
            assert phases.count(AttemptPhase.WAITING_FOR_RESOURCES) == 2

        tell(story, Slow())

    def test_a_refusal_after_a_lost_answer_ends_what_may_have_been_made(self, tell: Tell) -> None:
        class Forgetful(ShelfExecutor):
            async def find(self, token: str) -> Meta | None:
                return None

            async def cancel(self, token: str) -> None:
                self.shelf.call("cancel")

        async def story(world: World) -> None:
            ctx = world.attempt()
            world.shelf.failures["create"] = [TRANSIENT, TransportError("it exists", status=409)]
            with pytest.raises(errors.RetryableError):
                await ctx.start(world.executor, TaskTemplate())
            with pytest.raises(errors.UserError, match="it exists"):
                await ctx.start(world.executor, TaskTemplate())
            await world.executor.kill_task(ctx, "")
            assert world.shelf.calls == ["create", "create", "cancel"]

        tell(story, Forgetful())

    def test_a_call_without_an_answer_fails_in_time(self, tell: Tell) -> None:
        class Hanging(ShelfExecutor):
            async def create(self, submission: Submission[None], token: str) -> Meta:
                await asyncio.Event().wait()
                raise AssertionError("nobody ends this wait")

        async def story(world: World) -> None:
            with pytest.raises(errors.RetryableError, match="no answer in time"):
                await world.attempt().start(world.executor, TaskTemplate())
            assert world.clock.monotonic() == CONFIG.call_s

        tell(story, Hanging())


class TestPolling:
    def test_nothing_is_known_before_the_first_sync(self, tell: Tell) -> None:
        async def story(world: World) -> None:
            ctx = await world.started()
            assert (await ctx.check(world.executor)).phase is None
            await world.synced()
            assert (await ctx.check(world.executor)).phase is AttemptPhase.QUEUED

        tell(story)

    def test_news_wakes_the_attempt_and_nothing_else_does(self, tell: Tell) -> None:
        async def story(world: World) -> None:
            ctx = await world.started()
            await world.synced()
            assert ctx.wake_count == 1
            await world.synced(5)
            assert ctx.wake_count == 1
            world.shelf.things[0] = "running"
            await world.synced()
            assert ctx.wake_count == 2
            assert (await ctx.check(world.executor)).phase is AttemptPhase.RUNNING

        tell(story)

    def test_what_has_ended_is_asked_for_no_more(self, tell: Tell) -> None:
        async def story(world: World) -> None:
            ctx = await world.started()
            world.shelf.things[0] = "done"
            await world.synced()
            status = await ctx.check(world.executor)
            assert status.phase is AttemptPhase.SUCCEEDED
            assert status.outputs == {"o0": literals.integer(1)}
            asked = len(world.shelf.pages)
            await world.synced(5)
            assert len(world.shelf.pages) == asked

        tell(story)

    def test_a_check_keeps_the_state_so_that_nothing_is_written(self, tell: Tell) -> None:
        async def story(world: World) -> None:
            ctx = await world.started()
            await world.synced()
            before = ctx.state
            status = await ctx.check(world.executor)
            assert status.state == before
            assert status.details.check_after == timedelta(seconds=CONFIG.check_s)

        tell(story)

    def test_things_are_asked_for_by_pages(self, tell: Tell) -> None:
        async def story(world: World) -> None:
            for number in range(7):
                await world.started(number)
            await world.synced()
            assert sorted(map(len, world.shelf.pages[-3:])) == [1, 3, 3]

        tell(story)

    def test_a_new_executor_goes_on_from_the_state(self, tell: Tell) -> None:
        async def story(world: World) -> None:
            ctx = await world.started()
            world.shelf.things[0] = "done"
            async with World(ShelfExecutor(world.shelf), ctx.data_dir, world.clock) as another:
                assert (await ctx.check(another.executor)).phase is None
                await another.synced()
                assert (await ctx.check(another.executor)).phase is AttemptPhase.SUCCEEDED
            assert world.shelf.calls.count("create") == 1

        tell(story)

    def test_a_finalized_attempt_is_followed_no_more(self, tell: Tell) -> None:
        async def story(world: World) -> None:
            ctx = await world.started()
            await world.executor.finalize_task(ctx)
            await world.executor.finalize_task(ctx)
            await world.synced(3)
            assert world.shelf.pages == []

        tell(story)

    def test_an_executor_that_shows_nothing_is_refused(self, tmp_path: Path) -> None:
        class Blank(ShelfExecutor):
            get_many = WebApiExecutor[None, Meta, str].get_many

        async def story() -> None:
            setup = World(Blank(), tmp_path, clock).setup
            with pytest.raises(errors.BugError, match="'shelf' can't be polled: implement get or get_many"):
                await Blank().initialize(setup)

        clock = SimulatedClock()
        clock.run(story())


class TestTrouble:
    def test_a_thing_that_is_missed_for_a_while_only_is_not_lost(self, tell: Tell) -> None:
        async def story(world: World) -> None:
            ctx = await world.started()
            await world.synced()
            for _ in range(2):
                seen = world.shelf.things.pop(0)
                await world.synced(2)
                assert (await ctx.check(world.executor)).phase is AttemptPhase.QUEUED
                world.shelf.things[0] = seen
                await world.synced()

        tell(story)

    def test_a_thing_that_stays_missed_is_lost_and_may_be_tried_again(self, tell: Tell) -> None:
        async def story(world: World) -> None:
            ctx = await world.started()
            del world.shelf.things[0]
            await world.synced(4)
            status = await ctx.check(world.executor)
            assert status.phase is AttemptPhase.RETRYABLE_FAILED
            assert ctx.wake_count == 1

        tell(story)

    def test_a_service_that_is_down_for_a_while_changes_nothing(self, tell: Tell) -> None:
        async def story(world: World) -> None:
            ctx = await world.started()
            await world.synced()
            world.shelf.failures["get"] = [TRANSIENT, ConnectionResetError()]
            await world.synced(8)
            assert (await ctx.check(world.executor)).phase is AttemptPhase.QUEUED
            world.shelf.things[0] = "running"
            await world.synced(8)
            assert (await ctx.check(world.executor)).phase is AttemptPhase.RUNNING

        tell(story)

    def test_a_poll_that_never_ends_is_counted_however_long_a_call_may_take(self, tell: Tell) -> None:
        class Patient(ShelfExecutor):
            async def initialize(self, setup: SetupContext[Any]) -> None:
                config = msgspec.structs.replace(CONFIG, call_s=90.0)
                await super().initialize(msgspec.structs.replace(setup, config=config))

            async def get_many(self, metas: Sequence[Meta]) -> Sequence[str | None]:
                await asyncio.Event().wait()
                raise AssertionError("nobody ends this wait")

        async def story(world: World) -> None:
            ctx = await world.started()
            await world.clock.sleep((CONFIG.failed_limit + 1) * (90 + 8 * RESYNC_S))
            with pytest.raises(errors.RetryableError, match="there was no answer in time"):
                await world.executor.check_task_status(ctx)

        tell(story, Patient())

    def test_a_service_that_stays_down_fails_the_check_until_it_is_back(self, tell: Tell) -> None:
        async def story(world: World) -> None:
            ctx = await world.started()
            world.shelf.failures["get"] = [TRANSIENT] * 99
            await world.synced(30)
            with pytest.raises(errors.RetryableError, match="times in a row: busy") as caught:
                await ctx.check(world.executor)
            assert caught.value.after == timedelta(seconds=RESYNC_S)
            del world.shelf.failures["get"]
            await world.synced(8)
            assert (await ctx.check(world.executor)).phase is AttemptPhase.QUEUED

        tell(story)

    def test_a_service_that_keeps_refusing_ends_the_attempt(self, tell: Tell) -> None:
        async def story(world: World) -> None:
            ctx = await world.started()
            world.shelf.failures["get"] = [FATAL] * 99
            await world.synced(30)
            with pytest.raises(errors.UserError, match="times in a row: no"):
                await ctx.check(world.executor)

        tell(story)

    def test_a_thing_that_nobody_understands_disturbs_no_other(self, tell: Tell) -> None:
        async def story(world: World) -> None:
            odd, plain = await world.started(0), await world.started(1)
            world.shelf.things = {0: "purple", 1: "running"}
            await world.synced(4)
            assert (await plain.check(world.executor)).phase is AttemptPhase.RUNNING
            with pytest.raises(errors.RetryableError, match="ValueError: nobody knows what 'purple' means"):
                await odd.check(world.executor)

        tell(story)

    def test_a_thing_that_spoils_its_page_disturbs_no_other(self, tell: Tell) -> None:
        class Touchy(ShelfExecutor):
            async def get_many(self, metas: Sequence[Meta]) -> Sequence[str | None]:
                if Meta(0) in metas:
                    raise TransportError("thing 0 is cursed", status=400)
                return await super().get_many(metas)

        async def story(world: World) -> None:
            cursed, plain = await world.started(0), await world.started(1)
            world.shelf.things[1] = "running"
            await world.synced(30)
            assert (await plain.check(world.executor)).phase is AttemptPhase.RUNNING
            with pytest.raises(errors.UserError, match="thing 0 is cursed"):
                await cursed.check(world.executor)

        tell(story, Touchy())


class TestEnd:
    def test_what_was_made_is_deleted_and_twice_is_fine(self, tell: Tell) -> None:
        async def story(world: World) -> None:
            ctx = await world.started()
            await world.executor.kill_task(ctx, "")
            world.shelf.failures["delete"] = [TransportError("gone", status=404)]
            await world.executor.kill_task(ctx, "")
            assert world.shelf.things == {}

        tell(story)

    def test_what_may_have_been_made_is_found_and_deleted(self, tell: Tell) -> None:
        async def story(world: World) -> None:
            ctx = world.attempt()
            world.shelf.is_lossy = True
            with pytest.raises(errors.RetryableError):
                await ctx.start(world.executor, TaskTemplate())
            assert world.shelf.things
            await world.executor.kill_task(ctx, "")
            assert world.shelf.things == {}

        tell(story)

    def test_what_was_made_without_a_committed_status_is_deleted(self, tell: Tell) -> None:
        async def story(world: World) -> None:
            ctx = world.attempt()
            await world.executor.start_task(ctx, TaskTemplate(), None, ctx.services.inputs)
            assert ctx.custom_state is None
            await world.executor.kill_task(ctx, "")
            assert world.shelf.things == {}

        tell(story)

    def test_what_was_never_asked_for_costs_no_call(self, tell: Tell) -> None:
        async def story(world: World) -> None:
            await world.executor.kill_task(world.attempt(), "")
            assert world.shelf.calls == []

        tell(story)

    def test_a_delete_that_fails_for_now_is_to_be_repeated(self, tell: Tell) -> None:
        async def story(world: World) -> None:
            ctx = await world.started()
            world.shelf.failures["delete"] = [TRANSIENT]
            with pytest.raises(errors.RetryableError, match="delete of Meta"):
                await world.executor.kill_task(ctx, "")

        tell(story)
