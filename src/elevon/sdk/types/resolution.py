"""Which transformer an annotation has.

It owns the order of the decision and the memory of its results, so that a value costs microseconds. It must never
look at a value.
"""

import collections.abc
import dataclasses
import enum
import types
import typing
from functools import lru_cache
from typing import Any

from elevon.errors import UserError
from elevon.idl.messages import LiteralType
from elevon.sdk.types import choices, containers, models, pickles, structs
from elevon.sdk.types.files import Directory, File, reference
from elevon.sdk.types.scalars import SCALARS
from elevon.sdk.types.transformers import Transformer, bare, type_name
from elevon.sdk.types.waitables import Waitable

_CACHE_SIZE = 4096


def transformer_for(annotation: Any) -> Transformer:
    """The transformer of an annotation.

    Raises:
        UserError: No value of that type can be an input or output; the text says what to use instead.
    """
    if type(annotation) is type:
        return _of_class(annotation)
    # int | str equals str | int, but the order of the variants matters: the spelling is part of the key.
    try:
        return _of_annotation(annotation, repr(annotation))
    except TypeError as error:  # metadata of Annotated may have no hash
        stripped = bare(annotation)
        if stripped is annotation:
            raise UserError(f"{type_name(annotation)} is no type: {error}") from error
        return transformer_for(stripped)


@lru_cache(maxsize=_CACHE_SIZE)
def _of_class(annotation: type) -> Transformer:
    return _resolve(annotation)


@lru_cache(maxsize=_CACHE_SIZE)
def _of_annotation(annotation: Any, spelling: str) -> Transformer:
    return _resolve(bare(annotation))


def _resolve(annotation: Any) -> Transformer:
    if annotation is None:
        return SCALARS[type(None)]
    if annotation in SCALARS:
        return SCALARS[annotation]
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation in (list, dict) or (origin in (list, dict) and not args):
        return structs.untyped(origin or annotation)
    if origin is not None:
        return _generic(annotation, origin, args)
    if isinstance(annotation, str | typing.ForwardRef):
        raise UserError(
            f"the annotation {annotation!r} is still text: define the class it names before its use"
        )
    if isinstance(annotation, typing.TypeVar):
        raise UserError(f"the type variable {annotation} can't be a parameter: name the type")
    if isinstance(annotation, type):
        return _class(annotation)
    if annotation is Any:
        return pickles.pickle_of(annotation)
    raise UserError(f"{type_name(annotation)} is no type: annotate with a class")


def _generic(annotation: Any, origin: Any, args: tuple[Any, ...]) -> Transformer:
    if origin in (typing.Union, types.UnionType):
        return containers.union_of(annotation, [transformer_for(variant) for variant in args])
    if origin is typing.Literal:
        return choices.literal_of(annotation)
    if origin in (list, collections.abc.Sequence):
        return containers.list_of(annotation, transformer_for(args[0]))
    if origin in (dict, collections.abc.Mapping):
        if bare(args[0]) is str:
            return containers.dict_of(annotation, transformer_for(args[1]))
        return structs.untyped(annotation)
    if origin is tuple:
        raise _no_tuples(annotation)
    if isinstance(origin, type) and dataclasses.is_dataclass(origin):
        return _class(origin)
    return pickles.pickle_of(annotation)


def _class(cls: type[Any]) -> Transformer:
    if issubclass(cls, enum.Enum):
        return choices.enum_of(cls)
    if issubclass(cls, Waitable):
        from elevon.sdk.types import waitable_forms

        return waitable_forms.TRANSFORMER
    if models.is_model(cls):
        return structs.model_of(cls, _literal_type_of)
    if dataclasses.is_dataclass(cls):
        return structs.dataclass_of(cls, _literal_type_of)
    if issubclass(cls, File | Directory):
        return reference(cls)
    if issubclass(cls, tuple):
        raise _no_tuples(cls)
    return pickles.pickle_of(cls)


def _literal_type_of(annotation: Any) -> LiteralType:
    return transformer_for(annotation).literal_type


def _no_tuples(annotation: Any) -> UserError:
    return UserError(
        f"{type_name(annotation)} can't be a single value: use list[...] or a dataclass, "
        "and a tuple only as the return type of a task with several outputs"
    )
