"""Custom state to JSON and back, with the proof that nothing is lost on the way.

A state that would come back different is refused at the status that carries it, with the path of the field, so
that no crash is needed to find out. A state of an older version goes through its executor's migration; one of a
newer version is never guessed at.
"""

import inspect
from collections.abc import Callable
from typing import Any, Generic, TypeVar, cast

import msgspec

from elevon import errors

S = TypeVar("S")
STATE_LIMIT_BYTES = 256 * 1024


class StateCodec(Generic[S]):
    """Encodes and decodes the state of one executor.

    Args:
        state_type: The declared type; `type(None)` for an executor without state. Any type that msgspec supports,
            or a pydantic model.
        version: Version of the state's layout that this release writes.
        migrate: Turns a state of an older version, as plain JSON data, into one of `version`.
        limit_bytes: Largest encoded size.

    Raises:
        UserError: JSON can't hold values of the type.
    """

    def __init__(
        self,
        state_type: type[S],
        *,
        version: int = 1,
        migrate: Callable[[int, Any], Any] | None = None,
        limit_bytes: int = STATE_LIMIT_BYTES,
    ) -> None:
        self.version = version
        self._type = state_type
        self._migrate = migrate
        self._limit = limit_bytes
        self._model: Any = state_type if hasattr(state_type, "model_validate_json") else None
        self._encoder = msgspec.json.Encoder(order="deterministic")
        self._decoder = None if self._model else _decoder_of(state_type)

    def encode(self, state: S | None) -> bytes:
        """The state as JSON.

        Raises:
            CorruptStateError: It is not of the declared type, does not survive the round trip, or is too large.
        """
        encoded = self._encode_once(state)
        if len(encoded) > self._limit:
            raise errors.CorruptStateError(
                f"a custom state of {len(encoded)} bytes exceeds the limit of {self._limit}: "
                "keep large data in the blob store and its URI in the state"
            )
        try:
            again = self._encode_once(self._decode_once(encoded))
        except errors.CorruptStateError as error:
            raise errors.CorruptStateError(
                f"{error}, when it is read back: use a type that JSON keeps"
            ) from error
        if again != encoded:
            path = first_difference(msgspec.json.decode(encoded), msgspec.json.decode(again), "state")
            raise errors.CorruptStateError(
                f"{path} changes when the custom state is read back: use a type that JSON keeps"
            )
        return encoded

    def decode(self, raw: bytes, version: int | None = None) -> S:
        """The state; a new object at each call.

        Args:
            raw: What `encode` returned, in this release or an earlier one.
            version: The version that it was written with; None for this release's.

        Raises:
            CorruptStateError: The bytes are not a state of this type, no migration leads here, or the version is
                newer than this release's.
        """
        if version is None or version == self.version:
            return self._decode_known(
                raw,
                f"did another release write it under the same version {self.version}? give new fields a default, or "
                "raise state_version and migrate",
            )
        if version > self.version:
            raise errors.CorruptStateError(
                f"the custom state has version {version} and this release of the executor reads up to "
                f"{self.version}: upgrade it to the release that wrote the state"
            )
        return self._decode_known(
            self._migrated(raw, version),
            f"migrate made it of one of version {version}: return what version {self.version} has",
        )

    def _decode_known(self, raw: bytes, mend: str) -> S:
        try:
            return self._decode_once(raw)
        except errors.CorruptStateError as error:
            raise errors.CorruptStateError(f"{error}; {mend}") from error

    def _migrated(self, raw: bytes, version: int) -> bytes:
        if self._migrate is None:
            raise errors.CorruptStateError(
                f"the custom state has version {version}, this release writes {self.version} "
                "and has no migration: add one to the executor"
            )
        try:
            return self._encoder.encode(self._migrate(version, msgspec.json.decode(raw)))
        except errors.CorruptStateError:
            raise
        except (
            BaseException
        ) as error:  # a stranger's code, here and below: not even its panic may end the engine
            raise errors.CorruptStateError(
                f"the migration of a custom state from version {version} to {self.version} raised "
                f"{type(error).__name__}: {error}"
            ) from error

    def _encode_once(self, state: S | None) -> bytes:
        try:
            if self._model and isinstance(state, self._model):
                return cast("Any", state).model_dump_json().encode()
            return self._encoder.encode(state)
        except BaseException as error:
            raise errors.CorruptStateError(
                f"a custom state of type {type(state).__name__} is not JSON: "
                f"{'await it' if inspect.isawaitable(state) else error}"
            ) from error

    def _decode_once(self, raw: bytes) -> S:
        try:
            if self._decoder is None:
                return self._model.model_validate_json(raw)
            return self._decoder.decode(raw)
        except BaseException as error:
            name = getattr(self._type, "__name__", str(self._type))
            raise errors.CorruptStateError(f"the custom state is not a {name}: {error}") from error


def _decoder_of(state_type: type[S]) -> msgspec.json.Decoder[S]:
    try:
        msgspec.json.schema(
            state_type
        )  # a decoder alone takes every class, and fails when it meets the first value
        return msgspec.json.Decoder(state_type)
    except (TypeError, NameError) as error:
        problem = str(error).splitlines()[-1]
        raise errors.UserError(f"JSON can't hold a custom state of {state_type!r}: {problem}") from error


def first_difference(left: Any, right: Any, path: str) -> str:
    """The path of the first place where two values of JSON differ."""
    if isinstance(left, dict) and isinstance(right, dict):
        one, other = cast("dict[str, Any]", left), cast("dict[str, Any]", right)
        for key in sorted(one.keys() | other.keys()):
            if one.get(key) != other.get(key):
                return first_difference(one.get(key), other.get(key), f"{path}.{key}")
    if isinstance(left, list) and isinstance(right, list):
        for index, pair in enumerate(zip(cast("list[Any]", left), cast("list[Any]", right), strict=False)):
            if pair[0] != pair[1]:
                return first_difference(*pair, f"{path}[{index}]")
    return path
