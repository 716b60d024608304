"""What a Protocol says is enough to call it from another process."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import msgspec
import pytest

from elevon import ports
from elevon.idl.messages import Literal, LiteralMap, Primitive, Scalar
from elevon.plugin.contexts import Launch
from elevon.plugin.invocations import AttemptServices
from elevon.plugin.processes import interfaces
from elevon.plugin.processes.interfaces import Method


class Shop(Protocol):
    """A service."""

    @property
    def name(self) -> str: ...

    async def sell(self, what: str, count: int = 1) -> float: ...

    def ring(self) -> None: ...


def test_async_methods_are_requests_plain_ones_are_notes_and_properties_are_left_out() -> None:
    found = interfaces.interface_of(Shop)
    assert {name: method.is_note for name, method in found.items()} == {"sell": False, "ring": True}


def test_arguments_are_bound_as_python_binds_them() -> None:
    asked: list[tuple[str, tuple[Any, ...]]] = []

    def call(method: Method, arguments: tuple[Any, ...]) -> None:
        asked.append((method.name, arguments))

    shop = interfaces.proxy(Shop, call)
    shop.sell("tea")
    shop.sell(count=3, what="tea")
    shop.ring()
    assert asked == [("sell", ("tea", 1)), ("sell", ("tea", 3)), ("ring", ())]
    with pytest.raises(TypeError):
        shop.sell()


def test_messages_paths_and_spans_come_back_as_they_were() -> None:
    literal = Literal(scalar=Scalar(primitive=Primitive(integer=3)))
    launch = Launch(args=("a",), inputs=LiteralMap(literals={"x": literal}))
    start = interfaces.interface_of(AttemptServices)["start_job"]
    encoded = interfaces.encode((launch, timedelta(seconds=2)))
    assert start.arguments.decode(encoded) == (launch, timedelta(seconds=2))
    path = interfaces.decoder(tuple[Path, datetime])
    instant = datetime(2026, 1, 1, tzinfo=UTC)
    assert path.decode(interfaces.encode((Path("/a/b"), instant))) == (Path("/a/b"), instant)


def test_result_of_a_port_is_decoded_as_its_type() -> None:
    poll = interfaces.interface_of(AttemptServices)["poll_job"]
    status = ports.JobStatus(is_started=True, result=ports.JobResult(outputs=b"\0"))
    assert poll.result.decode(interfaces.encode(status)) == status


def test_text_that_is_no_unicode_goes_as_escapes() -> None:
    class Named(msgspec.Struct, tag=True):
        name: str
        at: datetime

    instant = datetime(2026, 1, 1, tzinfo=UTC)
    found = interfaces.decoder(Named).decode(interfaces.encode(Named("\udcff", instant)))
    assert found == Named("\\udcff", instant)


def test_what_cannot_be_carried_is_refused() -> None:
    with pytest.raises(NotImplementedError, match="object can't be handed to another process"):
        interfaces.encode((object(),))
