"""Resource pools, as executors use them: tokens of a quota that all engines of a home share.

Values go to the engine's side (`PoolServices`) and an `Allocation` comes back, so that a pool is the same on the
engine's loop, in a thread and in a host process. It must never decide who is served: the store does.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Final, Protocol

import msgspec

from elevon import errors
from elevon.records.identities import AttemptId
from elevon.records.tokens import Allocation, AllocationStatus, Token

__all__ = [
    "NO_POOLS",
    "Allocation",
    "AllocationStatus",
    "PoolServices",
    "ResourcePool",
    "ResourcePools",
    "TokenOwner",
]


class _Identity(Protocol):
    @property
    def attempt(self) -> AttemptId: ...

    @property
    def generated_name(self) -> str: ...


class TokenOwner(Protocol):
    """What a pool needs to know of who asks: the part of `TaskContext` that says so."""

    @property
    def task_execution_id(self) -> _Identity:
        """Who it is."""
        ...

    @property
    def namespace(self) -> str:
        """Whose limit counts."""
        ...

    @property
    def now(self) -> datetime:
        """When it asks."""
        ...

    @property
    def wake(self) -> Callable[[], None]:
        """What tells it that it is its turn."""
        ...


class PoolServices(Protocol):
    """The engine's side of all pools."""

    async def allocate(self, token: Token, wake: Callable[[], None]) -> Allocation:
        """Grant a token or keep its place, durably; `wake` is called when to ask again may help."""
        ...

    async def release(self, token: Token) -> None:
        """Give a token back, or its place."""
        ...


class ResourcePool(msgspec.Struct, frozen=True):
    """One pool.

    Attributes:
        name: As configured.
        services: The engine's side.
    """

    name: str
    services: PoolServices

    async def allocate(self, ctx: TokenOwner, key: str = "") -> Allocation:
        """Ask for a token for this attempt; whoever asked first is served first.

        Idempotent by attempt and key: whoever holds the token holds it once, whoever waits keeps its place, also
        through a restart of the engine. Who is refused answers `TaskStatus.not_ready(reason=allocation.reason)` and
        asks again in the next `start_task`. The engine makes that call when a token of this engine's attempts came
        back, else after `check_after`, which is how soon a token that another engine gave back is noticed.

        What is held or waited for goes with the end of the attempt, whichever end that is; a parked attempt keeps
        what it holds. Whoever takes tokens of several pools takes them in one order everywhere.

        Args:
            ctx: Of the call.
            key: Tells the tokens of one attempt apart that holds several of this pool.

        Raises:
            ConflictError: The attempt has ended.
        """
        return await self.services.allocate(self._token(ctx, key), ctx.wake)

    async def release(self, ctx: TokenOwner, key: str = "") -> None:
        """Give the token back before the attempt ends, or the place in the queue; idempotent.

        Args:
            ctx: Of the call.
            key: As given to `allocate`.
        """
        await self.services.release(self._token(ctx, key))

    def _token(self, ctx: TokenOwner, key: str) -> Token:
        if key != key.encode(errors="replace").decode():
            raise errors.UserError(f"the key {key!r} of a token can't be kept: use a text of Unicode")
        who = ctx.task_execution_id
        return Token(
            pool=self.name,
            name=f"{who.generated_name}/{key}" if key else who.generated_name,
            namespace=ctx.namespace,
            owner=who.attempt,
            asked_at=ctx.now,
        )


class ResourcePools(msgspec.Struct, frozen=True):
    """The pools of a home, as configured.

    Attributes:
        names: Those there are.
        services: The engine's side.
    """

    names: frozenset[str]
    services: PoolServices

    def get(self, name: str) -> ResourcePool:
        """A pool by its name.

        Raises:
            UserError: There is none; names the setting that makes one.
        """
        if name not in self.names:
            known = (
                f"those there are: {', '.join(sorted(self.names))}" if self.names else "there is none at all"
            )
            raise errors.UserError(
                f"there is no resource pool {name!r} ({known}): add [pools.{name}] with its limit to elevon.toml"
            )
        return ResourcePool(name, self.services)


class _NoServices:
    async def allocate(self, token: Token, wake: Callable[[], None]) -> Allocation:
        raise errors.BugError(f"there is no pool {token.pool!r}")

    async def release(self, token: Token) -> None:
        raise errors.BugError(f"there is no pool {token.pool!r}")


NO_POOLS: Final = ResourcePools(frozenset(), _NoServices())
