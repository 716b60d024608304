"""Custom state to JSON and back, with the proof that nothing is lost on the way.

A state that would come back different is refused at the status that carries it, with the path of the field, so
that no crash is needed to find out.
"""

from typing import Any, Generic, TypeVar, get_args

import msgspec

from elevon import errors

S = TypeVar("S")
STATE_LIMIT_BYTES = 256 * 1024


class StateCodec(Generic[S]):
    """Encodes and decodes the state of one executor.

    Args:
        state_type: The declared type; `type(None)` for an executor without state. Any type that msgspec supports,
            or a pydantic model.
        limit_bytes: Largest encoded size.
    """

    def __init__(self, state_type: type[S], limit_bytes: int = STATE_LIMIT_BYTES) -> None:
        self._type = state_type
        self._limit = limit_bytes
        self._is_model = hasattr(state_type, "model_validate_json")
        self._encoder = msgspec.json.Encoder(order="deterministic")
        self._decoder = None if self._is_model else msgspec.json.Decoder(state_type)

    def encode(self, state: S | None) -> bytes:
        """The state as JSON.

        Raises:
            CorruptStateError: It does not survive the round trip, or is too large.
        """
        if state is None and self._type is type(None):
            return b"null"
        encoded = self._encode_once(state)
        if len(encoded) > self._limit:
            raise errors.CorruptStateError(
                f"a custom state of {len(encoded)} bytes exceeds the limit of {self._limit}: "
                "keep large data in the blob store and its URI in the state"
            )
        again = self._encode_once(self.decode(encoded))
        if again != encoded:
            path = _first_difference(msgspec.json.decode(encoded), msgspec.json.decode(again), "state")
            raise errors.CorruptStateError(f"{path} changes when the state is read back: use a type that JSON keeps")
        return encoded

    def decode(self, raw: bytes) -> S:
        """The state; a new object at each call.

        Raises:
            CorruptStateError: The bytes are not a state of this type.
        """
        try:
            if self._decoder is None:
                return self._type.model_validate_json(raw)  # type: ignore[attr-defined, no-any-return]
            return self._decoder.decode(raw)
        except Exception as error:
            raise errors.CorruptStateError(
                f"the custom state is not a {self._type.__name__}: {error}"
            ) from error

    def _encode_once(self, state: S | None) -> bytes:
        try:
            if self._is_model:
                return state.model_dump_json().encode()  # type: ignore[union-attr]
            return self._encoder.encode(state)
        except Exception as error:
            raise errors.CorruptStateError(
                f"a custom state of type {type(state).__name__} is not JSON: {error}"
            ) from error


def _first_difference(left: Any, right: Any, path: str) -> str:
    if isinstance(left, dict) and isinstance(right, dict):
        for key in left.keys() | right.keys():
            if left.get(key) != right.get(key):
                return _first_difference(left.get(key), right.get(key), f"{path}.{key}")
    if isinstance(left, list) and isinstance(right, list):
        for index, (one, other) in enumerate(zip(left, right, strict=False)):
            if one != other:
                return _first_difference(one, other, f"{path}[{index}]")
    return path


def declared_types(executor: type) -> tuple[Any, Any]:
    """Message and state type that a class declares as `Executor[Message, State]`."""
    for base in getattr(executor, "__orig_bases__", ()):
        arguments = get_args(base)
        if len(arguments) == 2:  # noqa: PLR2004 - Executor has two parameters
            return arguments
    for parent in executor.__mro__[1:]:
        if "__orig_bases__" in vars(parent):
            return declared_types(parent)
    raise errors.BugError(f"{executor.__name__} must name its message and state: Executor[Message, State]")
