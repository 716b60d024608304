"""The calls of a HiveServer2 from an event loop: threads, of which there are few, and connections, which are kept.

A call that its caller has given up goes on in its thread until it is answered or out of time; nothing here begins
anything else on its account.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from elevon import errors
from elevon.plugin.transports import TransportError
from elevon.tasktypes.hive.backends.hiveserver2.connections import Connection

T = TypeVar("T")


class Connections:
    """Connections to one server, at most as many as there are threads.

    Args:
        connect: Makes one.
        count: Threads.
        name: Of the threads.
    """

    def __init__(self, connect: Callable[[], Connection], count: int, name: str) -> None:
        self._connect = connect
        self._threads = ThreadPoolExecutor(count, thread_name_prefix=name)
        self._lock = threading.Lock()
        self._idle: list[Connection] = []
        self._is_closed = False

    async def call(self, use: Callable[[Connection], T]) -> T:
        """Use a connection in a thread.

        Args:
            use: Makes calls that may be repeated, which happens if a kept connection turns out to be broken.

        Raises:
            TransportError: What `use` raises, or what is in the way of a connection.
        """
        if self._is_closed:
            raise errors.BugError("the connections to the HiveServer2 are closed")
        return await asyncio.get_running_loop().run_in_executor(self._threads, lambda: self._used(use))

    async def close(self) -> None:
        """Leave the server; calls that are under way have their time."""
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
        await asyncio.to_thread(self._threads.shutdown, cancel_futures=True)
        for connection in idle:
            connection.close()

    def _used(self, use: Callable[[Connection], T]) -> T:
        connection = self._kept()
        if connection is not None:
            try:
                return self._with(connection, use)
            except TransportError as error:
                if error.status is not None:
                    raise
                # The server may have been restarted since the connection was last of use: a new one will tell.
        return self._with(self._connect(), use)

    def _with(self, connection: Connection, use: Callable[[Connection], T]) -> T:
        is_sound = False
        try:
            made = use(connection)
            is_sound = True
            return made
        except TransportError as error:
            is_sound = error.status is not None
            raise
        finally:
            if not is_sound or not self._keep(connection):
                connection.close()

    def _kept(self) -> Connection | None:
        with self._lock:
            return self._idle.pop() if self._idle else None

    def _keep(self, connection: Connection) -> bool:
        with self._lock:
            if not self._is_closed:
                self._idle.append(connection)
            return not self._is_closed
