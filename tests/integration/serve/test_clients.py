"""The client: whatever answers at a URL, or does not, a command can say what is wrong."""

import contextlib
import io
import itertools
import json
import re
import socket
import threading
from collections.abc import Generator, Sequence
from types import SimpleNamespace

import pytest

from elevon import errors
from elevon.serve import clients
from elevon.serve.clients import Client

EMPTY = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


def answer(status: str, body: bytes) -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def refusal(status: str, code: str) -> bytes:
    return answer(status, json.dumps({"code": code, "message": "no"}).encode())


class Peer:
    """Answers each request with the next of its answers, from a thread; an empty one closes the connection instead."""

    def __init__(self, answers: Sequence[bytes]) -> None:
        self._answers = list(answers)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve)
        self.asked: list[str] = []
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._thread.start()

    def close(self) -> None:
        """End; nobody may be connected any more."""
        self._listening.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listening.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                with connection, connection.makefile("rb") as stream:
                    self._answer_all(connection, stream)

    def _answer_all(self, connection: socket.socket, stream: io.BufferedReader) -> None:
        while head := b"".join(itertools.takewhile(bytes.strip, stream)):
            found = re.search(rb"Content-Length: (\d+)", head)
            stream.read(int(found[1]) if found else 0)
            self.asked.append(head.decode())
            content = self._answers.pop(0)
            if not content:
                return
            connection.sendall(content)


@contextlib.contextmanager
def peer(*answers: bytes) -> Generator[tuple[Peer, Client]]:
    made = Peer(answers)
    client = Client(f"{made.url}/below/", "Zoë (pid 7)")
    try:
        yield made, client
    finally:
        client.close()
        made.close()


async def test_a_request_says_who_asks_and_goes_below_the_path_of_the_url() -> None:
    with peer(EMPTY) as (other, client):
        assert await client.read_log("a1", "n1/n0", 0, "stdout", 7) == b""
    (head,) = other.asked
    assert head.startswith(
        "GET /below/elevon/v1/executions/a1/logs?node=n1%2Fn0&attempt=0&stream=stdout&offset=7 HTTP/1.1\r\n"
    )
    assert "Elevon-By: Zo? (pid 7)\r\n" in head


async def test_what_there_is_to_read_is_asked_of_the_server() -> None:
    body = b'{"streams":["stdout","containers/side/stderr"]}'
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    with peer(answer) as (other, client):
        assert await client.streams("a1", "n0", 2) == ("stdout", "containers/side/stderr")
    (head,) = other.asked
    assert head.startswith("GET /below/elevon/v1/executions/a1/streams?node=n0&attempt=2 HTTP/1.1\r\n")


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("USER:NotFound", errors.NotFoundError),
        ("SYSTEM:Conflict", errors.ConflictError),
        ("SYSTEM:Unavailable", errors.UnavailableError),
        ("SOMETHING:New", errors.ElevonError),
    ],
)
async def test_a_refusal_is_raised_as_what_it_is(code: str, kind: type[errors.ElevonError]) -> None:
    with peer(refusal("400 Bad Request", code)) as (_, client), pytest.raises(kind, match=r"^no$") as raised:
        await client.terminate("a1", "enough")
    assert type(raised.value) is kind


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"message": "no"}'])
async def test_what_is_no_server_of_elevon_is_named(body: bytes) -> None:
    with (
        peer(answer("502 Bad Gateway", body)) as (other, client),
        pytest.raises(errors.UnavailableError, match=f"{other.url}/below is no server of elevon: .* 502"),
    ):
        await client.list_page("", 0, "")


async def test_who_leads_elsewhere_is_no_server_of_elevon() -> None:
    refused = pytest.raises(errors.UnavailableError, match=r"is no server of elevon: .* 302")
    with peer(answer("302 Found", b"")) as (_, client), refused:
        await client.list_page("", 0, "")


async def test_an_answer_of_another_kind_is_named() -> None:
    page = answer("200 OK", b"<html>")
    with peer(page, page) as (_, client):
        for ask in (client.update("a1", 0, 0), client.list_page("", 0, "")):
            with pytest.raises(errors.CorruptStateError, match="another release of elevon"):
                await ask


async def test_who_has_answered_is_asked_again_when_the_connection_breaks() -> None:
    with peer(EMPTY, b"", EMPTY) as (other, client):
        await client.terminate("a1", "enough")
        await client.terminate("a1", "enough")
    assert len(other.asked) == 3


async def test_who_has_answered_is_waited_for_from_when_the_connection_breaks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with peer(EMPTY, b"", EMPTY) as (other, client):
        # Each request takes longer than anybody is waited for, as one may that waits for news.
        hasty = SimpleNamespace(monotonic=lambda: 40.0 * len(other.asked))
        monkeypatch.setattr(clients, "time", hasty)
        await client.terminate("a1", "enough")
        await client.terminate("a1", "enough")
    assert len(other.asked) == 3


async def test_that_a_server_is_waited_for_is_told_and_that_it_is_there_again() -> None:
    said: list[str] = []
    with peer(EMPTY, b"", b"", b"", EMPTY) as (other, _):
        client = Client(other.url, "me", said.append)
        with contextlib.closing(client):
            await client.terminate("a1", "enough")
            await client.terminate("a1", "enough")
    assert said == [
        f"the server at {other.url} does not answer; it is waited for, for 30 s",
        f"the server at {other.url} answers again",
    ]


async def test_a_connection_that_was_closed_meanwhile_is_nothing_to_tell() -> None:
    said: list[str] = []
    with (
        peer(EMPTY, b"", EMPTY) as (other, _),
        contextlib.closing(Client(other.url, "me", said.append)) as client,
    ):
        await client.terminate("a1", "enough")
        await client.terminate("a1", "enough")
    assert said == []


async def test_who_has_never_answered_is_not_asked_again() -> None:
    with peer(b"") as (other, client), pytest.raises(errors.UnavailableError, match="no server answers at"):
        await client.terminate("a1", "enough")
    assert len(other.asked) == 1


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:7380",
        "ftp://localhost",
        "http://",
        "http://localhost:0x50",
        "http://localhost?x=1",
        "http://[::1",
        "http://local host",
        "http://localhost/a b",
        "http://localhost/\x01",
        "http://localhost/\xe9",
        "http://a..b",
        f"http://{'a' * 70}",
        "http://me:secret@localhost",
    ],
)
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(errors.UserError, match="is no URL of a server"):
        Client(url, "me")
