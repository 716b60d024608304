"""What the engine and a worker process say to each other, one msgpack struct a frame."""

import msgspec

from elevon.records.failures import Failure
from elevon.records.identities import AttemptId


class LoadCode(msgspec.Struct, frozen=True, tag="load", array_like=True):
    """Engine to worker: the user's sources, to be served to every later task.

    Attributes:
        content: A `SourceBundle` as msgpack.
    """

    content: bytes


class Run(msgspec.Struct, frozen=True, tag="run", array_like=True):
    """Engine to worker: run a task. Answered by one `Ended`, unless the process ends first.

    Attributes:
        id: Whose attempt it is.
        module: Module of the task.
        task: Its name there.
        inputs: Serialized `LiteralMap`.
        environment: What the attempt's environment has beyond the worker's own, its secrets among it.
        masked: Values to be masked in its output.
        data_dir: Where its output is captured and its scratch directory is made.
        raw_output_prefix: Where user files go.
        output_limit_bytes: How much is kept of each captured stream.
    """

    id: AttemptId
    module: str
    task: str
    inputs: bytes
    environment: dict[str, str]
    masked: tuple[str, ...]
    data_dir: str
    raw_output_prefix: str
    output_limit_bytes: int


class Ready(msgspec.Struct, frozen=True, tag="ready", array_like=True):
    """Worker to engine: everything that is always needed has been imported."""


class Ended(msgspec.Struct, frozen=True, tag="ended", array_like=True):
    """Worker to engine: the task is over.

    Attributes:
        outputs: Serialized `LiteralMap`; None if it failed, or gave futures.
        failure: Why it failed.
        resident_bytes: Size of the worker now.
        is_spoiled: Whether the worker must not run another task: processes that this one started are still there, or
            its surroundings could not be restored.
        futures: Serialized `DynamicJobSpec` that it gave instead of outputs.
    """

    outputs: bytes | None
    failure: Failure | None
    resident_bytes: int
    is_spoiled: bool
    futures: bytes | None = None


_encoder = msgspec.msgpack.Encoder()
_order_decoder = msgspec.msgpack.Decoder(LoadCode | Run)
_report_decoder = msgspec.msgpack.Decoder(Ready | Ended)


def encode(message: LoadCode | Run | Ready | Ended) -> bytes:
    """The payload of a frame."""
    return _encoder.encode(message)


def decode_order(payload: bytes) -> LoadCode | Run:
    """What the engine sent; `msgspec.MsgspecError` if it is no order."""
    return _order_decoder.decode(payload)


def decode_report(payload: bytes) -> Ready | Ended:
    """What a worker sent; `msgspec.MsgspecError` if it is no report."""
    return _report_decoder.decode(payload)
