"""Which executions come to an engine that serves, and when."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import timedelta

from elevon.propeller.arrivals import Arrivals
from elevon.records.executions import ExecutionRecord
from elevon.records.identities import ExecutionId
from elevon.records.phases import ExecutionPhase
from elevon.stores.memory import MemoryStateStore
from elevon.testing.clocks import SimulatedClock

A, B = ExecutionId("p", "d", "a"), ExecutionId("p", "d", "b")


class World:
    """A store, a line, and time that a test lets pass."""

    def __init__(self, clock: SimulatedClock) -> None:
        self.clock = clock
        self.store = MemoryStateStore(clock)
        self.arrivals = Arrivals(self.store, clock)

    async def create(self, execution: ExecutionId, phase: ExecutionPhase = ExecutionPhase.QUEUED) -> None:
        record = ExecutionRecord(
            id=execution, workflow="flow", closure_digest="", phase=phase, created_at=self.clock.now()
        )
        await self.store.create_execution(record, {})

    async def hold(self, execution: ExecutionId, seconds: float) -> None:
        now = self.clock.now()
        lease = await self.store.acquire_lease(execution, "other", now + timedelta(seconds=seconds), now)
        assert lease is not None

    @contextlib.asynccontextmanager
    async def looking(self) -> AsyncGenerator[None]:
        task = asyncio.create_task(self.arrivals.look_always())
        await self.arrivals.looked()
        try:
            yield
        finally:
            task.cancel()


def simulated(story: Callable[[World], Awaitable[None]]) -> None:
    clock = SimulatedClock()

    async def run() -> None:
        world = World(clock)
        await world.store.open()
        await story(world)

    clock.run(run())


def test_what_is_announced_comes_at_once_and_together() -> None:
    async def story(world: World) -> None:
        for execution in (A, B, A):
            world.arrivals.announce(execution)
        assert await world.arrivals.next() == (A, B)

    simulated(story)


def test_what_was_handed_out_comes_again_only_after_it_left() -> None:
    async def story(world: World) -> None:
        world.arrivals.announce(A)
        await world.arrivals.next()
        world.arrivals.announce(A)
        world.arrivals.announce(B)
        assert await world.arrivals.next() == (B,)
        world.arrivals.leave(A)
        world.arrivals.announce(A)
        assert await world.arrivals.next() == (A,)

    simulated(story)


def test_what_is_set_aside_does_not_come_again() -> None:
    async def story(world: World) -> None:
        world.arrivals.set_aside(A)
        world.arrivals.announce(A)
        world.arrivals.announce(B)
        assert await world.arrivals.next() == (B,)

    simulated(story)


def test_what_was_set_aside_comes_again_when_somebody_asks_for_it() -> None:
    async def story(world: World) -> None:
        world.arrivals.set_aside(A)
        world.arrivals.give_another_chance(A)
        world.arrivals.announce(A)
        assert await world.arrivals.next() == (A,)

    simulated(story)


def test_at_first_everything_unfinished_comes_however_new() -> None:
    async def story(world: World) -> None:
        await world.create(A)
        await world.create(B, ExecutionPhase.SUCCEEDED)
        async with world.looking():
            assert world.arrivals.has_looked
            assert await world.arrivals.next() == (A,)

    simulated(story)


def test_what_somebody_has_just_created_is_left_to_them_for_a_while() -> None:
    async def story(world: World) -> None:
        async with world.looking():
            await world.create(A)
            assert await world.arrivals.next() == (A,)
            assert 5 <= world.clock.monotonic() <= 6

    simulated(story)


def test_what_was_driven_before_comes_within_a_second() -> None:
    async def story(world: World) -> None:
        async with world.looking():
            await world.create(A, ExecutionPhase.RUNNING)
            assert await world.arrivals.next() == (A,)
            assert world.clock.monotonic() <= 1

    simulated(story)


def test_what_another_engine_has_comes_when_its_lease_has_run_out() -> None:
    async def story(world: World) -> None:
        await world.create(A, ExecutionPhase.RUNNING)
        await world.hold(A, 30)
        async with world.looking():
            assert await world.arrivals.next() == (A,)
            assert 30 <= world.clock.monotonic() <= 31

    simulated(story)


def test_a_closed_line_hands_out_nothing_more() -> None:
    async def story(world: World) -> None:
        waiting = asyncio.create_task(world.arrivals.next())
        await asyncio.sleep(0)
        world.arrivals.close()
        world.arrivals.announce(A)
        assert await waiting == ()
        assert await world.arrivals.next() == ()

    simulated(story)
