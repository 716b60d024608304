"""Who may start now: places at executors, slots of the launcher, and what operators have drained.

An attempt waits here before its start is intended, so that an intent that is found after a crash was really close to
being carried out. Giving a place back and handing it on happen in one step of the driver, before the commit: what
got the place starts only after a later commit, and commits are durable in order.
"""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Protocol

import msgspec

from elevon import errors
from elevon.idl import pods
from elevon.plugin.registry import Registration
from elevon.propeller.executors import Executors
from elevon.propeller.machine.commands import Enqueue
from elevon.propeller.machine.events import Admitted, Event, Refused
from elevon.records.drains import Drain

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


_Key = tuple[int, str]


class _Queue(msgspec.Struct):
    """One line of attempts for one kind of room; first come, first served, so that big ones get their turn.

    Attributes:
        limit: Of all that is taken; 0 for none.
        taken: What the places cost that are held.
        wishes: Who waits. Not a plain dict, where finding the first key walks over all that were deleted before it.
    """

    limit: int
    taken: int = 0
    wishes: OrderedDict[_Key, _Wish] = msgspec.field(default_factory=OrderedDict[_Key, _Wish])


class _Own(msgspec.Struct):
    """What belongs to one applicant, by node, so that leaving is never a search among the others.

    Attributes:
        waiting: Where each node waits.
        held: Where each node has a place, and what that costs.
    """

    waiting: dict[str, _Queue] = msgspec.field(default_factory=dict[str, _Queue])
    held: dict[str, tuple[_Queue, int]] = msgspec.field(default_factory=dict[str, tuple[_Queue, int]])


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
        self._owns: dict[int, _Own] = {}
        self._drains: Mapping[str, Drain] = {}

    def drain(self, drains: Mapping[str, Drain]) -> frozenset[str]:
        """Let nothing of these types begin from now on, by type; who waits for a place is sent away with the reason.

        Returns:
            The types that are not drained any more: what was sent away may ask again.
        """
        if drains == self._drains:
            return frozenset()
        lifted = self._drains.keys() - drains.keys()
        self._drains = drains
        for queue in self._queues.values():
            for wish in [one for one in queue.wishes.values() if self.drained(one.enqueue.task_type)]:
                self.dequeue(wish.applicant, wish.enqueue.node_id)
                self._refuse(wish.applicant, wish.enqueue, self.drained(wish.enqueue.task_type))
            self._admit(queue)
        return frozenset(lifted)

    def drained(self, task_type: str) -> str:
        """Why nothing of a type may begin, in words; empty if it may."""
        drain = self._drains.get(task_type) or self._drains.get(pods.plain_type(task_type))
        if drain is None:
            return ""
        return (
            f"the task type {drain.task_type!r} was drained by {drain.by}: {drain.reason or 'no reason was given'}; "
            f"elevon plugin resume {drain.task_type} lets it go on"
        )

    def enqueue(self, applicant: Applicant, enqueue: Enqueue) -> None:
        """Queue up; answered by `Admitted` or `Refused`, at once or later."""
        drained = self.drained(enqueue.task_type)
        if drained:
            self._refuse(applicant, enqueue, drained)
            return
        try:
            registration = self._executors.of_type(enqueue.task_type)
        except errors.UnavailableError as error:
            self._refuse(applicant, enqueue, str(error))
            return
        if registration.properties.uses_launcher and enqueue.cpu_slots > self._slot_count:
            reason = (
                f"the task requests {enqueue.cpu_slots} CPUs, and this engine has {self._slot_count} slots: "
                "lower the request, or resume with more --workers"
            )
            self._refuse(applicant, enqueue, reason)
        else:
            queue = self._queue_of(registration)
            queue.wishes[id(applicant), enqueue.node_id] = _Wish(applicant, registration, enqueue)
            self._own_of(applicant).waiting[enqueue.node_id] = queue
            self._admit(queue)

    def dequeue(self, applicant: Applicant, node_id: str) -> None:
        """Leave the queue; fine if it was admitted meanwhile."""
        queue = self._own_of(applicant).waiting.pop(node_id, None)
        if queue is not None:
            del queue.wishes[id(applicant), node_id]

    def occupy(self, applicant: Applicant, node_id: str, registration: Registration, cpu_slots: int) -> None:
        """Take a place without asking: an attempt that was under way before this engine began.

        What is too big to go on here takes none: it waits for another engine, and the others need not.
        """
        own, queue = self._own_of(applicant), self._queue_of(registration)
        cost = _cost(registration, cpu_slots)
        if node_id not in own.held and not 0 < queue.limit < cost:
            _take(own, node_id, queue, cost)

    def release(self, applicant: Applicant, node_id: str) -> None:
        """Give the place back, if there is one, and let the next ones in."""
        held = self._own_of(applicant).held.pop(node_id, None)
        if held is not None:
            queue, cost = held
            queue.taken -= cost
            self._admit(queue)

    def drop(self, applicant: Applicant) -> None:
        """Forget everything of a driver that is going away."""
        own = self._owns.pop(id(applicant), _Own())
        for node_id, queue in own.waiting.items():
            del queue.wishes[id(applicant), node_id]
        for queue, cost in own.held.values():
            queue.taken -= cost
        for queue in self._queues.values():
            self._admit(queue)

    def _refuse(self, applicant: Applicant, enqueue: Enqueue, reason: str) -> None:
        applicant.post(Refused(enqueue.node_id, reason))

    def _queue_of(self, registration: Registration) -> _Queue:
        is_shared = registration.properties.uses_launcher
        name = _SHARED_SLOTS if is_shared else registration.id
        if name not in self._queues:
            limit = self._slot_count if is_shared else registration.properties.max_concurrency
            self._queues[name] = _Queue(limit)
        return self._queues[name]

    def _own_of(self, applicant: Applicant) -> _Own:
        own = self._owns.get(id(applicant))
        if own is None:
            own = self._owns[id(applicant)] = _Own()
        return own

    def _admit(self, queue: _Queue) -> None:
        while queue.wishes:
            wish = next(iter(queue.wishes.values()))
            cost = _cost(wish.registration, wish.enqueue.cpu_slots)
            if queue.limit and queue.taken + cost > queue.limit:
                return
            queue.wishes.popitem(last=False)
            own, node_id = self._own_of(wish.applicant), wish.enqueue.node_id
            del own.waiting[node_id]
            _take(own, node_id, queue, cost)
            has_finalizer = wish.registration.has_finalizer
            wish.applicant.post(Admitted(node_id, wish.registration.id, has_finalizer))


def _take(own: _Own, node_id: str, queue: _Queue, cost: int) -> None:
    queue.taken += cost
    own.held[node_id] = (queue, cost)


def _cost(registration: Registration, cpu_slots: int) -> int:
    return cpu_slots if registration.properties.uses_launcher else 1
