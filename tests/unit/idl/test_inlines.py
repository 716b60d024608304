"""Bytes inside of uris."""

import pytest

from elevon import errors
from elevon.idl import inlines


@pytest.mark.parametrize("content", [b"", b"\x00\xff" * 1000])
def test_what_a_uri_holds_is_read_back(content: bytes) -> None:
    assert inlines.content_of(inlines.to_uri(content)) == content


def test_a_uri_of_a_place_holds_nothing() -> None:
    assert inlines.content_of("file:///tmp/data") is None


def test_more_than_fits_is_refused_with_the_mend() -> None:
    with pytest.raises(errors.UserError, match=r"33554433 bytes .* pass a File"):
        inlines.to_uri(bytes(inlines.LIMIT_BYTES + 1))


def test_a_damaged_uri_is_refused() -> None:
    with pytest.raises(errors.UserError, match="can't be read"):
        inlines.content_of(inlines.to_uri(b"abc") + "?")
