"""Sockets: where a server listens, and what it says if it can't."""

import socket

import pytest

from elevon import errors
from elevon.serve import servers


def test_any_port_that_is_free_is_named() -> None:
    with servers.listening("127.0.0.1", 0) as listener:
        assert listener.url == f"http://127.0.0.1:{listener.port}"
        assert list(listener.warnings) == []
        assert listener.is_loopback
        assert {"localhost", "127.0.0.1", "::1"} <= listener.names


def test_a_name_of_this_machine_will_do() -> None:
    with servers.listening("localhost", 0) as listener:
        assert listener.is_loopback
        assert "localhost" in listener.names


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("0.0.0.0", "http://127.0.0.1:80"),  # noqa: S104 - nothing is bound to it
        ("::", "http://[::1]:80"),
        ("192.0.2.1", "http://192.0.2.1:80"),
    ],
)
def test_whoever_serves_others_is_warned_and_answers_to_any_name(address: str, url: str) -> None:
    with socket.socket() as unused:
        listener = servers.Listener(unused, "elevon.example", address, 80)
        assert (listener.url, listener.is_loopback, listener.names) == (url, False, frozenset())
        (warning,) = listener.warnings
        assert f"whoever reaches {address} can run code here" in warning


@pytest.mark.skipif(not socket.has_ipv6, reason="this machine has no IPv6")
def test_an_address_of_ipv6_stands_in_brackets() -> None:
    try:
        with servers.listening("::1", 0) as listener:
            assert listener.url.startswith("http://[::1]:")
            assert listener.is_loopback
    except errors.UserError:
        pytest.skip("this machine has no address of IPv6")


def test_a_port_that_is_taken_is_named_with_the_mend() -> None:
    with servers.listening("127.0.0.1", 0) as listener:
        port = listener.port
        sentence = f"the port {port} of 127.0.0.1 is in use: choose another by --port, or 0"
        with pytest.raises(errors.UnavailableError, match=sentence), servers.listening("127.0.0.1", port):
            pass


def test_a_port_is_free_again_at_once() -> None:
    with servers.listening("127.0.0.1", 0) as listener:
        port = listener.port
    with servers.listening("127.0.0.1", port):
        pass


@pytest.mark.parametrize(
    ("host", "sentence"),
    [("192.0.2.1", "this machine has no such address"), ("no.such.host.invalid", "there is no such host")],
)
def test_a_host_that_is_not_this_machine_is_refused(host: str, sentence: str) -> None:
    with pytest.raises(errors.UserError, match=sentence), servers.listening(host, 0):
        pass
