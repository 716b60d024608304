"""Where files are kept that are too large for a row."""

from typing import Protocol


class BlobStore(Protocol):
    """Files by URI: what is too large for a row, and what users hand on by reference."""

    async def put(self, uri: str, content: bytes) -> None:
        """Write it durably; readers see the old or the new content, never a part."""
        ...

    async def get(self, uri: str) -> bytes:
        """The content; `NotFoundError` if there is none."""
        ...

    async def delete_prefix(self, uri: str) -> None:
        """Remove everything below; nothing there is fine."""
        ...
