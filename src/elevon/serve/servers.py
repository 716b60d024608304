"""An ASGI application on a socket, in this process and on its loop.

The socket is opened here, and not by the server's library, so that a port that is taken is one sentence, and so that
the port is known before anything is served. Signals are the business of whoever runs the process.
"""

import asyncio
import contextlib
import errno
import ipaddress
import os
import socket
from collections.abc import AsyncGenerator, Generator, Iterator

import msgspec
import uvicorn
from starlette.types import ASGIApp

from elevon import errors

_BACKLOG = 2048
_PATIENCE_S = 5


class Listener(msgspec.Struct, frozen=True):
    """A socket that listens.

    Attributes:
        socket: Itself.
        host: Where it listens, as it was asked for.
        address: Which address that is.
        port: Its port.
    """

    socket: socket.socket
    host: str
    address: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Whether this machine alone reaches it."""
        return ipaddress.ip_address(self.address).is_loopback

    @property
    def url(self) -> str:
        """Where it is reached; from this machine, if it listens everywhere."""
        address = self.address
        if ipaddress.ip_address(address).is_unspecified:
            address = "::1" if ":" in address else "127.0.0.1"
        return f"http://{f'[{address}]' if ':' in address else address}:{self.port}"

    @property
    def warnings(self) -> Iterator[str]:
        """What whoever opened it should know."""
        if not self.is_loopback:
            yield (
                f"whoever reaches {self.address} can run code here, as there is no authentication: without --host "
                "this machine alone is served"
            )

    @property
    def names(self) -> frozenset[str]:
        """Names that requests may be sent to; empty for any, which only a socket that others reach allows."""
        if not self.is_loopback:
            return frozenset()
        return frozenset({"localhost", "127.0.0.1", "::1", self.address, self.host.lower()})


@contextlib.contextmanager
def listening(host: str, port: int) -> Generator[Listener]:
    """A socket for a server.

    Args:
        host: A name or an address.
        port: Which; 0 for any that is free.

    Raises:
        UserError: There is no such host on this machine.
        UnavailableError: The port is taken, or may not be used.
    """
    try:
        ((family, kind, protocol, _, address), *_) = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except (socket.gaierror, UnicodeError) as error:
        raise errors.UserError(
            f"--host {host}: there is no such host: use 127.0.0.1 or a name of yours"
        ) from error
    with socket.socket(family, kind, protocol) as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            made.bind(address)
            made.listen(_BACKLOG)
        except OSError as error:
            raise _unbound(host, port, error) from error
        made.setblocking(False)
        bound_to, bound_port = made.getsockname()[:2]
        yield Listener(made, host, bound_to, bound_port)


@contextlib.asynccontextmanager
async def served(application: ASGIApp, listener: Listener) -> AsyncGenerator[None]:
    """Serve while the context lasts; at its end what is under way has a few seconds to be answered."""
    config = uvicorn.Config(
        application,
        log_config=None,
        access_log=False,
        lifespan="off",
        http="h11",
        ws="none",
        interface="asgi3",
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=_PATIENCE_S,
    )
    server = _Server(config)
    serving = asyncio.ensure_future(server.serve([listener.socket]))
    try:
        yield
    finally:
        server.should_exit = True
        await serving


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Leave signals to the process."""
        yield


def _unbound(host: str, port: int, error: OSError) -> errors.ElevonError:
    if error.errno == errno.EADDRINUSE:
        return errors.UnavailableError(
            f"the port {port} of {host} is in use: choose another by --port, or 0 for any that is free"
        )
    if error.errno == errno.EADDRNOTAVAIL:
        return errors.UserError(f"--host {host}: this machine has no such address")
    reason = os.strerror(error.errno) if error.errno else str(error)
    return errors.UnavailableError(f"the port {port} of {host} can't be opened: {reason}")
