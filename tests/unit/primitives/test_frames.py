"""Frames survive any cutting of the stream, in both directions and at any size."""

import asyncio
import os
import threading
from collections.abc import Callable, Iterator

import pytest

from elevon import errors
from elevon.primitives import frames

PAYLOADS = [b"", b"x", b"y" * 70_000, b"", bytes(range(256)) * 5000]


class Pipes:
    """Two pipes between an engine and a worker; what a test has not closed is closed after it."""

    def __init__(self) -> None:
        self.from_engine, self.to_worker = os.pipe()
        self.from_worker, self.to_engine = os.pipe()
        self._open = {self.from_engine, self.to_worker, self.from_worker, self.to_engine}

    def close(self, *descriptors: int) -> None:
        for descriptor in self._open.intersection(descriptors):
            os.close(descriptor)
        self._open.difference_update(descriptors)

    def close_all(self) -> None:
        self.close(*self._open)

    def engine(
        self, on_data: Callable[[list[bytes]], None], on_broken: Callable[[Exception], None]
    ) -> frames.LoopFrames:
        """The engine's end, which owns its descriptors from now on."""
        self._open -= {self.from_worker, self.to_worker}
        return frames.LoopFrames(
            asyncio.get_running_loop(), self.from_worker, self.to_worker, on_data, on_broken
        )


@pytest.fixture
def pipes() -> Iterator[Pipes]:
    pipes = Pipes()
    yield pipes
    pipes.close_all()


def fail(error: Exception) -> None:
    raise error


@pytest.mark.parametrize("step", [1, 3, 4, 5, 1000, 10_000_000])
def test_a_stream_is_cut_into_its_payloads_however_it_arrives(step: int) -> None:
    payloads = [payload[:3000] for payload in PAYLOADS]
    stream = b"".join(frames.pack(payload) for payload in payloads)
    decoder = frames.FrameDecoder()
    received: list[bytes] = []
    for start in range(0, len(stream), step):
        received += decoder.feed(stream[start : start + step])
    assert received == payloads


def test_foreign_data_is_recognized() -> None:
    with pytest.raises(errors.CorruptStateError, match="foreign data"):
        frames.FrameDecoder().feed(b"\xff\xff\xff\xff")


def test_a_payload_beyond_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "LIMIT_BYTES", 10)
    with pytest.raises(errors.UserError, match="pass it as a file"):
        frames.pack(b"x" * 11)


def test_the_end_of_the_pipe_is_none(pipes: Pipes) -> None:
    reader = frames.BlockingFrames(pipes.from_engine, pipes.to_engine)
    writer = frames.BlockingFrames(pipes.from_worker, pipes.to_worker)
    writer.send(b"last")
    pipes.close(pipes.to_worker)
    assert (reader.receive(), reader.receive()) == (b"last", None)


async def test_large_frames_pass_both_ways_without_a_deadlock(pipes: Pipes) -> None:
    received: list[bytes] = []
    complete = asyncio.Event()

    def take(payloads: list[bytes]) -> None:
        received.extend(payloads)
        if len(received) == len(PAYLOADS):
            complete.set()

    engine = pipes.engine(take, fail)
    echo = frames.BlockingFrames(pipes.from_engine, pipes.to_engine)

    def serve() -> None:
        for _ in PAYLOADS:
            echo.send(echo.receive() or b"")

    thread = threading.Thread(target=serve)
    thread.start()
    for payload in PAYLOADS:
        assert engine.send(payload)
    await complete.wait()
    await asyncio.to_thread(thread.join)
    engine.close()
    assert received == PAYLOADS


async def test_sending_to_a_closed_end_says_so(pipes: Pipes) -> None:
    engine = pipes.engine(lambda _: None, fail)
    pipes.close(pipes.from_engine)
    assert not engine.send(b"x")
    assert not engine.send(b"x")
    engine.close()
    engine.close()


async def test_foreign_data_is_reported_once_and_ends_the_reading(pipes: Pipes) -> None:
    broken: asyncio.Queue[Exception] = asyncio.Queue()
    engine = pipes.engine(lambda _: None, broken.put_nowait)
    os.write(pipes.to_engine, b"\xff" * 100)
    assert isinstance(await broken.get(), errors.CorruptStateError)
    os.write(pipes.to_engine, b"\xff" * 100)
    await asyncio.sleep(0)
    assert broken.empty()
    engine.close()
