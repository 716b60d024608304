"""The service as an executor sees it in a run: each call may fail, hang, be repeated, or be the engine's last.

It owns what can go wrong between an executor and its service. What is not a coroutine passes as it is.
"""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

from elevon.testing.conformance.calls import CURRENT
from elevon.testing.conformance.faults import DONE, SERVICE, Action
from elevon.testing.conformance.stories import What

LATENCY_S: Final = 0.01
SLOW_S: Final = 3.0
OUTAGE_S: Final = 8.0
_LONGEST_TEXT: Final = 60


class Process(Protocol):
    """What a proxy needs of the simulated process that it belongs to."""

    def check_alive(self) -> None:
        """Raise if the process is dead."""
        ...

    async def reach(self, moment: str) -> Action | None:
        """Say that a moment has come; what goes wrong there, as far as the process did not see to it."""
        ...

    def tell(self, what: What, text: str, *, attempt: int | None = None, name: str = "") -> int:
        """Add an entry to the story; returns its index."""
        ...

    def monotonic(self) -> float:
        """Simulated seconds."""
        ...

    def service_error(self) -> Exception:
        """What a service raises that can't be reached."""
        ...

    def made_things(self, place: int) -> None:
        """Look what the service has made by the call that the story tells of at that place."""
        ...


class Outage:
    """Until when the service is down; shared by all processes of a run."""

    def __init__(self) -> None:
        self.until_s = -1.0


class ServiceProxy:
    """Passes calls on to the service.

    Args:
        service: What the scenario made.
        process: Whose proxy it is; another one takes its place where an executor outlives its engine.
        outage: Of the run.
    """

    def __init__(self, service: Any, process: Process, outage: Outage) -> None:
        self._service = service
        self._outage = outage
        self.process = process

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._service, name)
        if not inspect.iscoroutinefunction(found):
            return found

        async def call(*args: Any, **kwargs: Any) -> Any:
            return await self._call(name, found, args, kwargs)

        return call

    async def _call(
        self, name: str, method: Callable[..., Awaitable[Any]], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        process = self.process
        process.check_alive()
        spelled = f"service.{name}({', '.join([*map(_short, args), *_named(kwargs)])})"
        action = await process.reach(f"{SERVICE}{name}")
        await self._travel(action, spelled)
        answer, error = await self._take_effect(name, method, args, kwargs, spelled)
        if action is Action.REPEAT and name in getattr(self._service, "repeatable", ()):
            process.tell(What.FAULT, f"{spelled} reached the service twice")
            await self._take_effect(name, method, args, kwargs, spelled)
        process.check_alive()
        action = await process.reach(f"{SERVICE}{name}{DONE}")
        await self._return(action, spelled)
        if error is not None:
            raise error
        return answer

    async def _travel(self, action: Action | None, spelled: str) -> None:
        """The way there."""
        process = self.process
        if action is Action.OUTAGE:
            self._outage.until_s = process.monotonic() + OUTAGE_S
            process.tell(What.FAULT, f"the service is down for {OUTAGE_S:g} s")
        if action is Action.REFUSE or process.monotonic() < self._outage.until_s:
            self._disturb(f"{spelled} never reached the service")
            await asyncio.sleep(LATENCY_S)
            raise process.service_error()
        if action is Action.SLOW:
            process.tell(What.FAULT, f"{spelled} takes {SLOW_S:g} s")
        await asyncio.sleep(SLOW_S if action is Action.SLOW else LATENCY_S)

    async def _return(self, action: Action | None, spelled: str) -> None:
        """The way back."""
        if action is Action.LOSE:
            self._disturb(f"the answer of {spelled} was lost")
            raise self.process.service_error()
        if action is Action.HANG:
            self._disturb(f"the answer of {spelled} never comes")
            await asyncio.get_running_loop().create_future()
        if action is Action.FORGET:
            lost = self._service.forget() if hasattr(self._service, "forget") else None
            if lost is not None:
                self._disturb(f"the service lost {lost.id}")

    async def _take_effect(
        self,
        name: str,
        method: Callable[..., Awaitable[Any]],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        spelled: str,
    ) -> tuple[Any, Exception | None]:
        """What happens at the service, whoever is told of it."""
        process = self.process
        process.check_alive()
        call = CURRENT.get()
        attempt = None if call is None else call.attempt
        try:
            answer = await method(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - what the service raises is its answer
            place = process.tell(What.SERVICE, f"{spelled} raised {error}", attempt=attempt, name=name)
            process.made_things(place)
            return None, error
        place = process.tell(What.SERVICE, f"{spelled} -> {_short(answer)}", attempt=attempt, name=name)
        process.made_things(place)
        return answer, None

    def _disturb(self, text: str) -> None:
        call = CURRENT.get()
        if call is not None:
            call.is_disturbed = True
        self.process.tell(What.FAULT, text, attempt=None if call is None else call.attempt)


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}..."


def _named(kwargs: dict[str, Any]) -> list[str]:
    return [f"{name}={_short(value)}" for name, value in kwargs.items()]
