"""What of this machine tests look at and take: processes, whoever started them, and ports."""

import socket
from typing import Self

import psutil


def is_running(pid: int) -> bool:
    """Whether there is such a process, and it is no zombie."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class HeldPort:
    """A port of the loopback interface that the system gives to nobody else as long as this is open.

    A server that sets SO_REUSEADDR, as nearly every one does, can listen there, and so can the next one after its end;
    while none does, connections are refused.
    """

    def __init__(self) -> None:
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", 0))
        self.number: int = self._socket.getsockname()[1]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give it back; idempotent."""
        self._socket.close()
