"""The user's code on the engine's side: fetched once, sent to each worker once.

It owns the question whether two bundles can live in one process. It must never run or import any of it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

import cachetools
import msgspec

from elevon import errors
from elevon.sdk import sources as bundled_sources

_KEPT_COUNT = 64


class Code(msgspec.Struct, frozen=True, kw_only=True):
    """One bundle.

    Attributes:
        digest: Of its content.
        content: As stored, and as sent to workers.
        root: Folder that its modules come from.
        sources: Source by module name.
    """

    digest: str
    content: bytes
    root: str
    sources: dict[str, bytes]

    def fits_with(self, others: Iterable["Code"]) -> bool:
        """Whether a process that imported the others would import this one's modules as they are.

        Of one root, and equal in every module that both hold: modules can be neither unloaded nor replaced safely.
        """
        return all(
            self.root == other.root
            and all(other.sources.get(name, text) == text for name, text in self.sources.items())
            for other in others
        )


class CodeCache:
    """Bundles by digest; concurrent calls for one digest fetch it once."""

    def __init__(self, load_artifact: Callable[[str], Awaitable[bytes]]) -> None:
        self._load_artifact = load_artifact
        self._codes: cachetools.LRUCache[str, Code] = cachetools.LRUCache(_KEPT_COUNT)
        self._fetching = asyncio.Lock()

    async def get(self, digest: str) -> Code:
        """The bundle.

        Raises:
            NotFoundError: There is no such artifact.
            CorruptStateError: It is no bundle.
        """
        code = self._codes.get(digest)
        if code is None:
            async with self._fetching:
                code = self._codes.get(digest)
                if code is None:
                    code = self._codes[digest] = _decode(digest, await self._load_artifact(digest))
        return code


def _decode(digest: str, content: bytes) -> Code:
    try:
        bundle = bundled_sources.decode(content)
    except msgspec.MsgspecError as error:
        raise errors.CorruptStateError(
            f"the artifact {digest} is no bundle of sources: start the execution anew"
        ) from error
    sources = {source.name: source.source for source in bundle.modules}
    return Code(digest=digest, content=content, root=bundle.root, sources=sources)
