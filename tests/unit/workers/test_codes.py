"""Which bundles may share a process, and how often one is fetched."""

import asyncio

import pytest

from elevon import errors
from elevon.sdk import sources
from elevon.workers import codes


def code(root: str = "/project", **texts: str) -> codes.Code:
    contents = {name: text.encode() for name, text in texts.items()}
    return codes.Code(digest=repr((root, texts)), content=b"", root=root, sources=contents)


def test_any_code_fits_a_fresh_process() -> None:
    assert code(a="1").fits_with([])


def test_code_of_one_root_fits_if_shared_modules_are_equal() -> None:
    assert code(a="1", b="2").fits_with([code(b="2", c="3"), code(d="4")])


def test_a_changed_module_does_not_fit() -> None:
    assert not code(a="1", b="2").fits_with([code(c="3"), code(b="changed")])


def test_code_of_another_root_does_not_fit() -> None:
    assert not code(a="1").fits_with([code("/elsewhere", b="2")])


async def test_concurrent_calls_fetch_a_bundle_once() -> None:
    fetched: list[str] = []

    async def load(digest: str) -> bytes:
        fetched.append(digest)
        await asyncio.sleep(0)
        return sources.encode(sources.SourceBundle("/project", "a", ()))

    cache = codes.CodeCache(load)
    results = await asyncio.gather(*(cache.get("one") for _ in range(5)), cache.get("two"))
    assert sorted(fetched) == ["one", "two"]
    assert [result.digest for result in results] == ["one"] * 5 + ["two"]


async def test_a_failed_fetch_is_tried_again() -> None:
    answers = [errors.UnavailableError("busy"), sources.encode(sources.SourceBundle("/project", "a", ()))]

    async def load(digest: str) -> bytes:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    cache = codes.CodeCache(load)
    with pytest.raises(errors.UnavailableError):
        await cache.get("one")
    assert (await cache.get("one")).root == "/project"
