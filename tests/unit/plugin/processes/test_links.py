"""Two ends of one pipe: requests, answers, cancellations and notes."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, Protocol

import pytest

from elevon import errors
from elevon.plugin.processes import links
from elevon.plugin.processes.interfaces import Interface, interface_of
from elevon.plugin.processes.links import Link


class Desk(Protocol):
    """A service of the other end."""

    async def answer(self, what: str) -> str: ...

    async def count(self) -> int: ...

    def note(self, what: str) -> None: ...


class Clerk:
    """Does what a test wants."""

    def __init__(self) -> None:
        self.noted: list[str] = []
        self.work: Callable[[str], Awaitable[Any]] | None = None

    async def answer(self, what: str) -> Any:
        return await self.work(what) if self.work else what.upper()

    async def count(self) -> Any:
        return "three"

    def note(self, what: str) -> None:
        self.noted.append(what)


class Wire:
    """Both ends, in one loop; counts the frames of one."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.clerk = Clerk()
        self.frame_count = 0

        def there(payload: bytes) -> bool:
            self.frame_count += 1
            loop.call_soon(self.theirs.take, [payload])
            return True

        def back(payload: bytes) -> bool:
            loop.call_soon(self.ours.take, [payload])
            return True

        self.ours = Link(there, self._nobody)
        self.theirs = Link(back, self._find)
        self.desk: Desk = self.ours.service("desk", "7", Desk)

    def _find(self, service: str, key: str) -> tuple[Any, Interface]:
        if (service, key) != ("desk", "7"):
            raise errors.BugError(f"there is no {service} {key}")
        return self.clerk, interface_of(Desk)

    def _nobody(self, service: str, key: str) -> tuple[Any, Interface]:
        raise errors.BugError(f"there is no {service} {key}")


@pytest.fixture
async def wire() -> Wire:
    return Wire()


async def test_request_is_answered(wire: Wire) -> None:
    assert await wire.desk.answer("tea") == "TEA"


async def test_what_is_said_in_one_turn_goes_in_one_frame(wire: Wire) -> None:
    answers = await asyncio.gather(*(wire.desk.answer(str(number)) for number in range(100)))
    assert answers == [str(number) for number in range(100)]
    assert wire.frame_count == 1


async def test_many_requests_overlap(wire: Wire) -> None:
    gate = asyncio.Event()

    async def wait(what: str) -> str:
        if what == "slow":
            await gate.wait()
        return what

    wire.clerk.work = wait
    slow = asyncio.ensure_future(wire.desk.answer("slow"))
    assert await wire.desk.answer("quick") == "quick"
    assert not slow.done()
    gate.set()
    assert await slow == "slow"


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (errors.NotFoundError("no such tea"), errors.NotFoundError),
        (errors.NonRecoverable("no such tea"), errors.UserError),
        (errors.UnavailableError("no such tea"), errors.UnavailableError),
        (ValueError("no such tea"), errors.BugError),
        (SystemExit("no such tea"), errors.BugError),
    ],
)
async def test_errors_cross_as_the_nearest_class_of_the_tree(
    wire: Wire, raised: BaseException, kind: type[Exception]
) -> None:
    async def fail(_what: str) -> str:
        raise raised

    wire.clerk.work = fail
    with pytest.raises(kind, match="no such tea"):
        await wire.desk.answer("tea")


async def test_quota_says_when_to_ask_again(wire: Wire) -> None:
    async def fail(_what: str) -> str:
        raise errors.QuotaError("too many", timedelta(seconds=3))

    wire.clerk.work = fail
    with pytest.raises(errors.QuotaError) as caught:
        await wire.desk.answer("tea")
    assert caught.value.after == timedelta(seconds=3)


async def test_cancellation_is_passed_on_and_waits_for_the_end(wire: Wire) -> None:
    begun, may_end, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def tidy(_what: str) -> str:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await may_end.wait()
            ended.set()
        return ""

    wire.clerk.work = tidy
    task = asyncio.ensure_future(wire.desk.answer("tea"))
    await begun.wait()
    task.cancel()
    await asyncio.sleep(0)
    assert not task.done()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()


async def test_notes_come_in_order_from_any_thread(wire: Wire) -> None:
    wire.desk.note("first")
    thread = threading.Thread(target=wire.desk.note, args=("second",))
    thread.start()
    await asyncio.to_thread(thread.join)
    await wire.desk.answer("tea")
    assert wire.clerk.noted == ["first", "second"]


async def test_when_the_other_end_is_gone_all_that_waits_is_told_and_all_that_is_asked_later(
    wire: Wire,
) -> None:
    wire.clerk.work = lambda _what: asyncio.Event().wait()
    waiting = asyncio.ensure_future(wire.desk.answer("tea"))
    await asyncio.sleep(0)
    wire.ours.fail(errors.UnavailableError("the desk is closed"))
    for asked in (waiting, wire.desk.answer("tea")):
        with pytest.raises(errors.UnavailableError, match="the desk is closed"):
            await asked
    wire.theirs.fail(errors.UnavailableError("over"))


async def test_what_is_asked_of_nobody_is_an_error_of_the_asker(wire: Wire) -> None:
    stranger: Desk = wire.ours.service("desk", "8", Desk)
    with pytest.raises(errors.BugError, match="there is no desk 8"):
        await stranger.answer("tea")


async def test_answer_of_another_type_is_a_bug_and_not_a_value(wire: Wire) -> None:
    with pytest.raises(errors.BugError, match="count was answered by"):
        await wire.desk.count()


async def test_value_beyond_the_limit_is_refused(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links, "_LIMIT_BYTES", 100)
    with pytest.raises(
        errors.UserError, match=r"what desk.answer is given has 1\d\d bytes.*pass it as a file"
    ):
        await wire.desk.answer("x" * 100)
    wire.clerk.work = double
    with pytest.raises(errors.UserError, match=r"what desk.answer returns has 1\d\d bytes"):
        await wire.desk.answer("x" * 60)


async def double(what: str) -> str:
    return what * 2
