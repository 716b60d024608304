"""The process that sends queries, so that the death of the engine does not lose the answer.

It is started by the engine, and outlives its `kill -9` by the calls that are under way: it notes the server's answer in
a book, where the next engine finds it, and ends. `python -m elevon.tasktypes.hive.backends.hiveserver2.couriers` reads
a line of JSON for itself and then one for each submission, and writes a line for each that has come to something.
"""

import asyncio
import contextlib
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import msgspec

from elevon import errors
from elevon.plugin.transports import TransportError
from elevon.primitives import ids
from elevon.primitives.clocks import SystemClock
from elevon.tasktypes.hive.backends.hiveserver2 import complaints
from elevon.tasktypes.hive.backends.hiveserver2.books import Book
from elevon.tasktypes.hive.backends.hiveserver2.connections import Connection
from elevon.tasktypes.hive.backends.hiveserver2.handles import Handle, QueryHandle
from elevon.tasktypes.hive.backends.hiveserver2.statements import Script
from elevon.tasktypes.hive.configurations import HiveServer2Settings

_POLL_S: Final = 0.05
_REFUSED: Final = 400
_UNDER_WAY: Final = ("INITIALIZED_STATE", "PENDING_STATE", "RUNNING_STATE")
_LONGEST_LINE: Final = 64 * 1024 * 1024


class Equipment(msgspec.Struct, frozen=True, kw_only=True):
    """What a courier is told at its start.

    Attributes:
        id: Its name in the book.
        directory: Of the book.
        settings: Of the server.
        password: For LDAP.
        call_s: Limit on each call, in seconds.
    """

    id: str
    directory: str
    settings: HiveServer2Settings
    password: str
    call_s: float


class Order(msgspec.Struct, frozen=True):
    """A query to be sent.

    Attributes:
        token: Of the submission.
        session: In which it is to run, as text.
        script: What it says.
    """

    token: str
    session: str
    script: Script


class Receipt(msgspec.Struct, frozen=True, omit_defaults=True):
    """What came of an order.

    Attributes:
        token: Of the submission.
        query: What names it; None if it was not begun.
        error: Why not.
        status: Of that failure, as `connections` has it.
    """

    token: str
    query: QueryHandle | None = None
    error: str = ""
    status: int | None = None


class Courier:
    """The engine's side: a courier at a time, started when it is needed.

    Args:
        book: Where couriers note.
        settings: Of the server.
        password: For LDAP.
        call_s: Limit on each call, in seconds.
    """

    def __init__(self, book: Book, settings: HiveServer2Settings, password: str, call_s: float) -> None:
        self._book = book
        self._settings = settings
        self._password = password
        self._call_s = call_s
        self._lock = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._id = ""
        self._orders: dict[str, asyncio.Future[Receipt]] = {}

    def has(self, token: str) -> bool:
        """Whether an order of this engine is under way."""
        return token in self._orders

    async def send(self, order: Order) -> QueryHandle:
        """Have a query sent.

        Raises:
            TransportError: What came of it, or that nobody knows.
        """
        process = await self._running()
        await asyncio.to_thread(self._book.ask, order.token, self._id)
        receipt = asyncio.get_running_loop().create_future()
        self._orders[order.token] = receipt
        try:
            _write(process, order)
        except (ConnectionError, RuntimeError) as error:
            self._orders.pop(order.token, None)
            raise TransportError(f"the process that sends queries has ended: {error}") from error
        # Whoever waits may give up: the order is under way all the same, until its receipt comes.
        came = await asyncio.shield(receipt)
        if came.query is not None:
            return came.query
        raise TransportError(came.error, status=came.status)

    async def close(self) -> None:
        """Have it finish what it has in its hands, and end."""
        process, reader = self._process, self._reader
        if process is None or reader is None or process.stdin is None:
            return
        process.stdin.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._call_s):
                await process.wait()
        reader.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await reader

    async def _running(self) -> asyncio.subprocess.Process:
        async with self._lock:
            if self._process is None or self._process.returncode is not None:
                self._process = await self._started()
            return self._process

    async def _started(self) -> asyncio.subprocess.Process:
        if self._reader is not None:
            await self._reader
        self._id = ids.new("c", 20)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", __spec__.name),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            limit=_LONGEST_LINE,
            start_new_session=True,
        )
        equipment = Equipment(
            id=self._id,
            directory=str(self._book.directory),
            settings=self._settings,
            password=self._password,
            call_s=self._call_s,
        )
        _write(process, equipment)
        # Until it is known to the book it may not be asked: it would seem dead, and do it all the same.
        if process.stdout is None or not await process.stdout.readline():
            raise TransportError("the process that sends queries does not start")
        self._reader = asyncio.create_task(self._read(process))
        return process

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        """Hand receipts out until the courier ends; what it had in its hands then nobody knows."""
        if process.stdout is None:
            raise errors.BugError("the process that sends queries has no output")
        async for line in process.stdout:
            came = msgspec.json.decode(line, type=Receipt)
            self._settle(came)
        await process.wait()
        for token in tuple(self._orders):
            self._settle(Receipt(token, error="the process that sends queries ended in the middle of it"))

    def _settle(self, came: Receipt) -> None:
        receipt = self._orders.pop(came.token, None)
        if receipt is not None and not receipt.done():
            receipt.set_result(came)


def _write(process: asyncio.subprocess.Process, message: Equipment | Order) -> None:
    if process.stdin is None or process.stdin.is_closing():
        raise ConnectionResetError("its input is closed")
    process.stdin.write(msgspec.json.encode(message) + b"\n")


class Carrier:
    """The courier's own side."""

    def __init__(self, equipment: Equipment) -> None:
        self._equipment = equipment
        self._book = Book(Path(equipment.directory))
        self._clock = SystemClock()
        self._output = threading.Lock()

    def run(self) -> None:
        """Carry out orders until nobody gives any more."""
        with (
            self._book.hold(self._equipment.id) as held,
            ThreadPoolExecutor(self._equipment.settings.connections) as threads,
        ):
            self._say(Receipt(""))
            for line in sys.stdin.buffer:
                threads.submit(self._carry_out, msgspec.json.decode(line, type=Order))
            threads.shutdown()
            Path(held.name).unlink()

    def _carry_out(self, order: Order) -> None:
        self._say(self.carried_out(order))

    def _say(self, receipt: Receipt) -> None:
        # An engine that has gone meanwhile reads the book.
        with self._output, contextlib.suppress(BrokenPipeError):
            sys.stdout.buffer.write(msgspec.json.encode(receipt) + b"\n")
            sys.stdout.buffer.flush()

    def carried_out(self, order: Order) -> Receipt:
        """What came of an order, whatever it is: without a receipt the engine would take it to be under way."""
        is_sent = False
        equipment = self._equipment
        try:
            connection = Connection(equipment.settings, equipment.password, equipment.call_s)
            with contextlib.closing(connection):
                session = Handle.from_text(order.session)
                self._set_up(connection, session, order.script)
                self._book.note_sent(order.token, order.session)
                is_sent = True
                operation = connection.execute(session, order.script.query).to_text()
                query = QueryHandle(order.session, operation, self._clock.now())
                self._book.note_begun(order.token, query)
                return Receipt(order.token, query)
        except TransportError as error:
            if error.status is not None or not is_sent:
                self._book.forget(order.token)
            else:
                with contextlib.suppress(OSError):  # then nobody knows until this process has ended
                    self._book.note_unanswered(order.token)
            return Receipt(order.token, error=str(error), status=error.status)
        except OSError as error:  # of the book, on a disk that is full
            return Receipt(order.token, error=f"what became of it can't be noted: {error}")

    def _set_up(self, connection: Connection, session: Handle, script: Script) -> None:
        """Change the session as the script says."""
        patience_s = self._equipment.call_s
        deadline = time.monotonic() + patience_s
        for setting in script.settings:
            operation = connection.execute(session, setting)
            while (state := connection.state(operation)).name in _UNDER_WAY:
                if time.monotonic() > deadline:
                    raise TransportError(f"{setting!r} took more than {patience_s:g} s")
                time.sleep(_POLL_S)
            if state.name != "FINISHED_STATE":
                raise TransportError(f"{setting!r}: {complaints.shortened(state.message)}", status=_REFUSED)


if __name__ == "__main__":
    Carrier(msgspec.json.decode(sys.stdin.buffer.readline(), type=Equipment)).run()
