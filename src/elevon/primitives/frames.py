"""Length-prefixed frames over pipes: how the engine and its worker processes talk.

It owns both ends: `BlockingFrames` for a process that does one thing at a time, `LoopFrames` for an asyncio loop, on
raw descriptors, because asyncio's streams cost more than the whole round trip. It must never know what a frame says.
"""

import os
import struct
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from elevon import errors

if TYPE_CHECKING:
    import asyncio  # a worker process starts faster without it

LIMIT_BYTES = 1 << 30
_HEADER = struct.Struct(">I")
_CHUNK_BYTES = 1 << 16  # what a pipe holds


def pack(payload: bytes) -> bytes:
    """The frame of a payload.

    Raises:
        UserError: It is larger than `LIMIT_BYTES`.
    """
    if len(payload) > LIMIT_BYTES:
        raise errors.UserError(
            f"a value of {len(payload)} bytes can't be handed to or from a task, the limit is {LIMIT_BYTES}: "
            "pass it as a file"
        )
    return _HEADER.pack(len(payload)) + payload


class FrameDecoder:
    """Cuts a stream of bytes into payloads."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """The payloads that are complete with this data.

        Raises:
            CorruptStateError: A header announces more than `LIMIT_BYTES`; somebody else wrote to the pipe.
        """
        self._buffer += data
        payloads: list[bytes] = []
        start = 0
        while len(self._buffer) - start >= _HEADER.size:
            (length,) = _HEADER.unpack_from(self._buffer, start)
            if length > LIMIT_BYTES:
                raise errors.CorruptStateError(
                    f"a frame announces {length} bytes: the pipe holds foreign data"
                )
            end = start + _HEADER.size + length
            if len(self._buffer) < end:
                break
            payloads.append(bytes(self._buffer[start + _HEADER.size : end]))
            start = end
        del self._buffer[:start]
        return payloads


class BlockingFrames:
    """One end of a pair of pipes, for a process that waits."""

    def __init__(self, read_fd: int, write_fd: int) -> None:
        self._read_fd = read_fd
        self._write_fd = write_fd
        self._decoder = FrameDecoder()
        self._received: deque[bytes] = deque()

    def receive(self) -> bytes | None:
        """The next payload; None once the other end is closed."""
        while not self._received:
            data = os.read(self._read_fd, _CHUNK_BYTES)
            if not data:
                return None
            self._received.extend(self._decoder.feed(data))
        return self._received.popleft()

    def send(self, payload: bytes) -> None:
        """Write a frame and return when the pipe has taken all of it.

        Raises:
            UserError: The payload is too large.
            OSError: The other end is closed.
        """
        rest = memoryview(pack(payload))
        while rest:
            rest = rest[os.write(self._write_fd, rest) :]


class LoopFrames:
    """One end of a pair of pipes, for a loop; owns both descriptors.

    To the reader a closed other end is silence, unless it asks to be told: whoever owns the process watches for its
    exit.
    """

    def __init__(
        self,
        loop: "asyncio.AbstractEventLoop",
        read_fd: int,
        write_fd: int,
        on_data: Callable[[list[bytes]], None],
        on_broken: Callable[[errors.CorruptStateError], None],
        on_end: Callable[[], None] | None = None,
    ) -> None:
        """Listen.

        Args:
            on_data: Gets the payloads that arrived together; its exceptions go to the loop's handler.
            on_broken: Called once, when what arrives is no frame; nothing is read from then on.
            on_end: Called once, when the other end is closed and all it wrote was read.
        """
        self._loop = loop
        self._read_fd = read_fd
        self._write_fd = write_fd
        self._on_data = on_data
        self._on_broken = on_broken
        self._on_end = on_end
        self._decoder = FrameDecoder()
        self._unsent: deque[memoryview] = deque()
        self._is_closed = False
        self._is_cut_off = False
        os.set_blocking(read_fd, False)
        os.set_blocking(write_fd, False)
        self._loop.add_reader(read_fd, self._read)

    def send(self, payload: bytes) -> bool:
        """Write a frame now, or as soon as the pipe takes it.

        Returns:
            False if the other end is known to be closed.

        Raises:
            UserError: The payload is too large.
        """
        frame = memoryview(pack(payload))
        if self._is_closed or self._is_cut_off:
            return False
        is_idle = not self._unsent
        self._unsent.append(frame)
        if is_idle and not self._flush():
            self._loop.add_writer(self._write_fd, self._resume)
        return not self._is_cut_off

    def drain(self) -> None:
        """Take in what the other end wrote before it went away."""
        while not self._is_closed and self._read():
            pass

    def close(self) -> None:
        """Stop listening and close both descriptors; idempotent."""
        if not self._is_closed:
            self._is_closed = True
            self._loop.remove_reader(self._read_fd)
            self._loop.remove_writer(self._write_fd)
            os.close(self._read_fd)
            os.close(self._write_fd)

    def _read(self) -> bool:
        try:
            data = os.read(self._read_fd, _CHUNK_BYTES)
        except BlockingIOError:
            return False
        if not data:
            self._loop.remove_reader(self._read_fd)
            on_end, self._on_end = self._on_end, None
            if on_end is not None:
                on_end()
            return False
        try:
            payloads = self._decoder.feed(data)
        except errors.CorruptStateError as error:
            self._loop.remove_reader(self._read_fd)
            self._on_broken(error)
            return False
        if payloads:
            self._on_data(payloads)
        return True

    def _resume(self) -> None:
        if self._flush():
            self._loop.remove_writer(self._write_fd)

    def _flush(self) -> bool:
        """Write what the pipe takes; whether nothing is left."""
        while self._unsent:
            try:
                count = os.write(self._write_fd, self._unsent[0])
            except BlockingIOError:
                return False
            except BrokenPipeError:
                self._is_cut_off = True
                self._unsent.clear()
                return True
            if count < len(self._unsent[0]):
                self._unsent[0] = self._unsent[0][count:]
            else:
                self._unsent.popleft()
        return True
