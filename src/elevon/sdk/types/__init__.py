"""The bridge between annotated Python values and literals, encoded exactly as flytekit 1.16 encodes them.

Beyond flytekit: an int may stand where a float is declared, a bare ``list`` travels as a bare ``dict`` does, names made
by ``NewType`` are the types they name, and equal sets are equal bytes.

This module is the room's door: other rooms call these functions and use these classes, and nothing behind them. The
room must never import flyteidl, a serialisation framework beside msgspec, or pydantic, unless the user's code did.
"""

import datetime as dt
from typing import Any, get_args

from elevon.idl import literal_types
from elevon.idl.json_values import to_json as literal_to_json
from elevon.idl.messages import Literal, LiteralType
from elevon.sdk.types.files import Directory, File
from elevon.sdk.types.pickles import warn_of_pickles
from elevon.sdk.types.resolution import transformer_for
from elevon.sdk.types.texts import from_json, from_text, shown, spelled
from elevon.sdk.types.transformers import FileSink, FileSource, bare
from elevon.sdk.types.waitables import Waitable

__all__ = [
    "Directory",
    "File",
    "FileSink",
    "FileSource",
    "Waitable",
    "from_json",
    "from_text",
    "literal_to_json",
    "literal_type_of",
    "note_dates",
    "shown",
    "spelled",
    "to_literal",
    "to_python",
    "warn_of_pickles",
]


def literal_type_of(annotation: Any) -> LiteralType:
    """The declared type of a parameter or output.

    Returns:
        A message of the caller's own.

    Raises:
        UserError: No value of that type can be an input or output; the text says what to use instead.
    """
    made = LiteralType()
    made.CopyFrom(transformer_for(annotation).literal_type)
    return made


def note_dates(made: LiteralType, annotation: Any) -> None:
    """Say in a declared type where an instant is a day, for whoever prints it; flytekit reads no such note."""
    annotation = bare(annotation)
    arguments = get_args(annotation)
    if annotation is dt.date:
        made.CopyFrom(literal_types.date())
    elif arguments and made.HasField("collection_type"):
        note_dates(made.collection_type, arguments[0])
    elif arguments and made.HasField("map_value_type"):
        note_dates(made.map_value_type, arguments[-1])


def to_literal(value: Any, annotation: Any, files: FileSink) -> Literal:
    """A value as a literal.

    Args:
        value: What user code handed out.
        annotation: What it is declared as.
        files: Where local files go.

    Raises:
        UserError: The value is not of its type; the text names both, and the place inside a container.
    """
    return transformer_for(annotation).encode(value, files)


def to_python(literal: Literal, annotation: Any, files: FileSource) -> Any:
    """A literal as a value of the annotation.

    Raises:
        UserError: The literal is of another kind, or what it holds is no value of the annotation.
    """
    return transformer_for(annotation).decode(literal, files)
