"""The last resort: values that only pickle can carry, as a file by reference.

It owns the pickled blob, which is flytekit's; the uri of a constant's or an input's holds the file itself. Pickles
tie both sides to one version of Python and of the user's code, and reading one runs code: nothing but the task that
declares such a parameter may ever decode it.
"""

import logging
import pickle
from typing import Any

from elevon.errors import UserError
from elevon.idl import inlines, literal_types, literals
from elevon.idl.messages import Literal, LiteralType
from elevon.sdk.types.packing import unpacker_for
from elevon.sdk.types.transformers import (
    FileSink,
    FileSource,
    Transformer,
    mismatch,
    packed,
    type_name,
    wrong_literal,
)

_log = logging.getLogger(__name__)
_WARNED: set[str] = set()


def pickle_of(annotation: Any) -> Transformer:
    """The transformer of a type that has no other."""

    def is_instance(value: Any) -> bool:
        return annotation is Any or not isinstance(annotation, type) or isinstance(value, annotation)

    def encode(value: Any, files: FileSink) -> Literal:
        if value is None or not is_instance(value):
            raise mismatch(value, type_name(annotation))
        return literals.blob(files.keep(_pickled(value)), file_format=literal_types.PICKLE_FORMAT)

    def decode(literal: Literal, files: FileSource) -> Any:
        match literals.kind_of(literal):
            case "blob" if literal.scalar.blob.metadata.type.format == literal_types.PICKLE_FORMAT:
                return _read(literal.scalar.blob.uri, files)
            case "binary" if annotation is bytes:
                return unpacker_for(bytes)(packed(literal), files)
            case "binary":
                return packed(literal)
            case "union":
                return decode(literal.scalar.union.value, files)
            case _:
                raise wrong_literal(literal, type_name(annotation))

    literal_type = literal_types.blob(file_format=literal_types.PICKLE_FORMAT)
    literal_type.metadata.fields["python_class_name"].string_value = str(annotation)
    return Transformer("FlytePickle", literal_type, "blob", is_instance, encode, decode)


def warn_of_pickles(literal_type: LiteralType, place: str) -> None:
    """Tells the author once of each type that only a pickle carries; a field of a struct is none of them.

    Args:
        literal_type: As it is declared.
        place: Where, for the first of such places.
    """
    match literal_type.WhichOneof("type"):
        case "blob" if literal_type.blob.format == literal_types.PICKLE_FORMAT:
            _warn(literal_type.metadata.fields["python_class_name"].string_value, place)
        case "collection_type":
            warn_of_pickles(literal_type.collection_type, place)
        case "map_value_type":
            warn_of_pickles(literal_type.map_value_type, place)
        case "union_type":
            for variant in literal_type.union_type.variants:
                warn_of_pickles(variant, place)
        case _:
            pass


def _warn(spelled: str, place: str) -> None:
    if spelled != str(bytes) and spelled not in _WARNED:  # every Python reads pickled bytes
        _WARNED.add(spelled)
        _log.warning(
            "%s: %s travels as a pickle, which needs the same Python and the same code on both sides: "
            "prefer a dataclass, a pydantic model or a File",
            place,
            spelled,
        )


def _pickled(value: Any) -> bytes:
    """By cloudpickle where it is installed, which also carries classes of the user's script."""
    try:
        if isinstance(value, bytes):
            return pickle.dumps(value)
        try:
            import cloudpickle  # pyright: ignore[reportMissingTypeStubs]
        except ImportError:
            return pickle.dumps(value)
        return cloudpickle.dumps(value)  # pyright: ignore[reportUnknownMemberType]
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        raise UserError(f"a {type_name(type(value))} can't be pickled: {error}") from error


def _read(uri: str, files: FileSource) -> Any:
    content, place = inlines.content_of(uri), "in the literal"
    if content is None:
        path = files.download(uri)
        content, place = path.read_bytes(), f"at {path}"
    try:
        return pickle.loads(content)  # noqa: S301 - the declared type asks for it; see the module's head
    except (pickle.UnpicklingError, AttributeError, ImportError, EOFError) as error:
        raise UserError(f"the pickle {place} can't be read: {error}") from error
