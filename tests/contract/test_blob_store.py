"""What every blob store does; one suite over all adapters."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from elevon import errors, ports
from elevon.blobs import LocalBlobStore

Place = Callable[[str], str]


@pytest.fixture(params=["path", "file"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Turns a relative name into a URI of the store's own."""
    if request.param == "path":
        return lambda name: str(tmp_path / name)
    return lambda name: (tmp_path / name).as_uri()


@pytest.fixture
def store() -> ports.BlobStore:
    return LocalBlobStore()


async def test_content_comes_back_as_it_was(store: ports.BlobStore, place: Place) -> None:
    for content in (b"", b"text", bytes(range(256)) * 4096):
        await store.put(place("some/where/deep/blob"), content)
        assert await store.get(place("some/where/deep/blob")) == content


async def test_names_may_hold_any_character(store: ports.BlobStore, place: Place) -> None:
    await store.put(place("with space/and %20, ü and #"), b"x")
    assert await store.get(place("with space/and %20, ü and #")) == b"x"


async def test_what_was_never_written_is_not_found(store: ports.BlobStore, place: Place) -> None:
    await store.put(place("blob"), b"x")
    for name in ("nothing", "nowhere/nothing", "blob/below"):
        with pytest.raises(errors.NotFoundError, match="there is no file"):
            await store.get(place(name))


async def test_readers_see_the_old_or_the_new_content_never_a_part(
    store: ports.BlobStore, place: Place
) -> None:
    versions = [bytes([letter]) * 200_000 for letter in b"abcdefgh"]
    await store.put(place("blob"), versions[0])
    seen: list[bytes] = []

    async def read() -> None:
        seen.extend([await store.get(place("blob")) for _ in range(40)])

    async def write() -> None:
        for version in versions:
            await store.put(place("blob"), version)

    await asyncio.gather(read(), read(), write())
    assert set(seen) <= set(versions)


async def test_concurrent_writers_leave_one_whole_content(store: ports.BlobStore, place: Place) -> None:
    versions = [bytes([letter]) * 100_000 for letter in b"abcdefgh"]
    await asyncio.gather(*(store.put(place("blob"), version) for version in versions))
    assert await store.get(place("blob")) in versions


async def test_deleting_a_prefix_removes_everything_below_and_nothing_beside(
    store: ports.BlobStore, place: Place
) -> None:
    for name in ("run/a", "run/b/c", "running/d"):
        await store.put(place(name), b"x")
    await store.delete_prefix(place("run"))
    for name in ("run/a", "run/b/c"):
        with pytest.raises(errors.NotFoundError):
            await store.get(place(name))
    assert await store.get(place("running/d")) == b"x"


async def test_deleting_what_is_not_there_is_fine(store: ports.BlobStore, place: Place) -> None:
    await store.delete_prefix(place("nothing"))


async def test_a_place_of_another_kind_is_refused(store: ports.BlobStore) -> None:
    for uri in ("s3://bucket/key", "https://example.org/x", "file://elsewhere/x", "relative/path"):
        with pytest.raises(errors.UserError, match=r"use a path|begin it with /"):
            await store.get(uri)


async def test_what_cannot_be_written_is_unavailable_and_leaves_nothing(
    store: ports.BlobStore, place: Place, tmp_path: Path
) -> None:
    await store.put(place("blob"), b"x")
    await store.put(place("folder/inner"), b"x")
    for name in ("blob/below", "folder"):
        with pytest.raises(errors.UnavailableError, match="can't be written"):
            await store.put(place(name), b"y")
    assert sorted(os.listdir(tmp_path)) == ["blob", "folder"]  # noqa: PTH208
