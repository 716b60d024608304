"""Pydantic models, without importing pydantic.

It owns the JSON form of a model, which is what flytekit sends. A class can only be a model when its author has
imported pydantic, so the loaded module is looked up and never loaded: it would cost every task process its time.
"""

import json
import sys
from typing import Any

from elevon.errors import UserError
from elevon.sdk.types.transformers import mismatch, type_name


def is_model(cls: type) -> bool:
    """Whether the class is a pydantic model."""
    pydantic = sys.modules.get("pydantic")
    return pydantic is not None and issubclass(cls, pydantic.BaseModel)


def dump(value: Any, cls: Any) -> Any:
    """A model as plain JSON data.

    Raises:
        UserError: The value is no instance of the model, or holds what JSON can't.
    """
    if not isinstance(value, cls):
        raise mismatch(value, type_name(cls))
    try:
        return json.loads(value.model_dump_json())
    except ValueError as error:
        raise UserError(f"{type_name(cls)} can't be written as JSON: {error}") from error


def load(value: Any, cls: Any) -> Any:
    """A model out of plain JSON data.

    Raises:
        UserError: The model refuses the data.
    """
    try:
        return cls.model_validate_json(json.dumps(value), strict=False, context={"deserialize": True})
    except (ValueError, TypeError) as error:
        reasons = "; ".join(
            line.strip() for line in str(error).splitlines()[1:] if "errors.pydantic" not in line
        )
        raise UserError(f"the data is no {type_name(cls)}: {reasons or error}") from error


def schema_of(cls: Any) -> dict[str, Any]:
    """The JSON schema of a model."""
    return cls.model_json_schema()


def fields_of(cls: Any) -> dict[str, Any]:
    """The annotation of each field of a model."""
    return {name: info.annotation for name, info in cls.model_fields.items()}
