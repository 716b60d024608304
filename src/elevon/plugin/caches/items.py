"""What goes into a sync and what comes out of it, as the author of one writes it."""

import enum
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Generic, TypeVar

import msgspec

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class SyncAction(enum.StrEnum):
    """What a sync found out about one item."""

    UNCHANGED = "unchanged"
    UPDATE = "update"
    DELETE = "delete"


class Item(msgspec.Struct, Generic[T_co], frozen=True):
    """What is kept under one id.

    Attributes:
        id: Unique in its cache; the id by which the service knows it serves well.
        item: What is known of it; a value: it is replaced and never changed in place.
    """

    id: str
    item: T_co


class SyncResponse(msgspec.Struct, Generic[T_co], frozen=True):
    """What a sync has to say of one item.

    Attributes:
        id: Of an item of the batch; others are ignored.
        item: The item as it is now; only UPDATE looks at it.
        action: UPDATE replaces the item, DELETE drops it, both wake its owners. UNCHANGED, like no response for an
            item, says that it was looked at.
    """

    id: str
    item: T_co
    action: SyncAction


Sync = Callable[[Sequence[Item[T]]], Awaitable[Iterable[SyncResponse[T]]]]
