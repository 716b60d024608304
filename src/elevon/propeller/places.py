"""Who may start now: places at executors, and slots of the launcher.

An attempt waits here before its start is intended, so that an intent that is found after a crash was really close to
being carried out. Giving a place back and handing it on happen in one step of the driver, before the commit: what
got the place starts only after a later commit, and commits are durable in order.
"""

from collections import deque
from typing import Protocol

import msgspec

from elevon import errors
from elevon.plugin.registry import Registration
from elevon.propeller.executors import Executors
from elevon.propeller.machine.commands import Enqueue
from elevon.propeller.machine.events import Admitted, Event, Refused

_SHARED_SLOTS = "launcher"


class Applicant(Protocol):
    """A driver, as far as places are concerned."""

    def post(self, event: Event) -> None:
        """Take an event in."""
        ...


class _Wish(msgspec.Struct, frozen=True):
    applicant: Applicant
    registration: Registration
    enqueue: Enqueue


class _Queue(msgspec.Struct):
    """One line of attempts for one kind of room; first come, first served, so that big ones get their turn."""

    limit: int
    taken: int = 0
    wishes: deque[_Wish] = msgspec.field(default_factory=deque[_Wish])


_Holder = tuple[int, str]


class Places:
    """The admission of one engine.

    Args:
        executors: Who serves which type.
        slot_count: Slots of the launcher.
    """

    def __init__(self, executors: Executors, slot_count: int) -> None:
        self._executors = executors
        self._slot_count = slot_count
        self._queues: dict[str, _Queue] = {}
        self._held: dict[_Holder, tuple[str, int]] = {}

    def enqueue(self, applicant: Applicant, enqueue: Enqueue) -> None:
        """Queue up; answered by `Admitted` or `Refused`, at once or later."""
        try:
            registration = self._executors.of_type(enqueue.task_type)
        except errors.UnavailableError as error:
            applicant.post(Refused(enqueue.node_id, str(error)))
            return
        if registration.properties.uses_launcher and enqueue.cpu_slots > self._slot_count:
            reason = (
                f"the task requests {enqueue.cpu_slots} CPUs, and this engine has {self._slot_count} slots: "
                "lower the request, or resume with more --workers"
            )
            applicant.post(Refused(enqueue.node_id, reason))
        else:
            name = _queue_of(registration)
            self._queue(name, registration).wishes.append(_Wish(applicant, registration, enqueue))
            self._admit(name)

    def dequeue(self, applicant: Applicant, node_id: str) -> None:
        """Leave the queue; fine if it was admitted meanwhile."""
        for queue in self._queues.values():
            for wish in queue.wishes:
                if wish.applicant is applicant and wish.enqueue.node_id == node_id:
                    queue.wishes.remove(wish)
                    return

    def occupy(self, applicant: Applicant, node_id: str, registration: Registration, cpu_slots: int) -> None:
        """Take a place without asking: an attempt that was under way before this engine began."""
        holder = (id(applicant), node_id)
        if holder not in self._held:
            name = _queue_of(registration)
            self._take(name, self._queue(name, registration), holder, _cost(registration, cpu_slots))

    def release(self, applicant: Applicant, node_id: str) -> None:
        """Give the place back, if there is one, and let the next ones in."""
        name, cost = self._held.pop((id(applicant), node_id), ("", 0))
        if name:
            self._queues[name].taken -= cost
            self._admit(name)

    def drop(self, applicant: Applicant) -> None:
        """Forget everything of a driver that is going away."""
        for name, queue in self._queues.items():
            queue.wishes = deque(wish for wish in queue.wishes if wish.applicant is not applicant)
            for holder in [
                one for one, held in self._held.items() if one[0] == id(applicant) and held[0] == name
            ]:
                queue.taken -= self._held.pop(holder)[1]
            self._admit(name)

    def _queue(self, name: str, registration: Registration) -> _Queue:
        if name not in self._queues:
            limit = self._slot_count if name == _SHARED_SLOTS else registration.properties.max_concurrency
            self._queues[name] = _Queue(limit)
        return self._queues[name]

    def _admit(self, name: str) -> None:
        queue = self._queues[name]
        while queue.wishes:
            wish = queue.wishes[0]
            cost = _cost(wish.registration, wish.enqueue.cpu_slots)
            if queue.limit and queue.taken + cost > queue.limit:
                return
            queue.wishes.popleft()
            self._take(name, queue, (id(wish.applicant), wish.enqueue.node_id), cost)
            registration = wish.registration
            has_finalizer = registration.has_finalizer
            wish.applicant.post(Admitted(wish.enqueue.node_id, registration.id, has_finalizer))

    def _take(self, name: str, queue: _Queue, holder: _Holder, cost: int) -> None:
        queue.taken += cost
        self._held[holder] = (name, cost)


def _queue_of(registration: Registration) -> str:
    return _SHARED_SLOTS if registration.properties.uses_launcher else registration.id


def _cost(registration: Registration, cpu_slots: int) -> int:
    return cpu_slots if registration.properties.uses_launcher else 1
