"""Lists, dicts with text keys, and unions: types whose literals hold literals.

It owns the choice of a union's variant. The transformers of the parts are handed in, because finding them is
`resolution`'s.
"""

from collections.abc import Sequence
from typing import Any, cast

from elevon.errors import UserError
from elevon.idl import literal_types, literals
from elevon.idl.messages import Literal, LiteralType
from elevon.sdk.types.packing import decode_other, unpacker_for
from elevon.sdk.types.transformers import (
    FileSink,
    FileSource,
    Transformer,
    mismatch,
    packed,
    type_name,
    wrong_literal,
)


def list_of(annotation: Any, item: Transformer) -> Transformer:
    """The transformer of ``list[item]``."""
    spelled = type_name(annotation)

    def encode(value: Any, files: FileSink) -> Literal:
        if type(value) is not list:
            raise mismatch(value, spelled)
        made = Literal()
        made.collection.SetInParent()
        members = cast("list[Any]", value)
        try:
            made.collection.literals.extend([item.encode(member, files) for member in members])
        except UserError:
            _blame(members, item, files)
            raise
        return made

    def decode(literal: Literal, files: FileSource) -> Any:
        if literals.kind_of(literal) != "collection":
            return decode_other(literal, files, annotation, decode)
        return [item.decode(member, files) for member in literal.collection.literals]

    return Transformer(
        tag="Typed List",
        literal_type=literal_types.collection_of(item.literal_type),
        kind="collection",
        is_instance=lambda value: type(value) is list,
        encode=encode,
        decode=decode,
    )


def _blame(members: list[Any], item: Transformer, files: FileSink) -> None:
    """Says which member failed; only after a failure, so that the common path stays a plain loop."""
    for index, member in enumerate(members):
        try:
            item.encode(member, files)
        except UserError as error:
            raise UserError(f"item {index}: {error}") from error


def dict_of(annotation: Any, item: Transformer) -> Transformer:
    """The transformer of ``dict[str, item]``."""
    spelled = type_name(annotation)

    def encode(value: Any, files: FileSink) -> Literal:
        if type(value) is not dict:
            raise mismatch(value, spelled)
        made = Literal()
        made.map.SetInParent()
        for key, member in cast("dict[Any, Any]", value).items():
            if type(key) is not str:
                raise mismatch(key, f"only text as keys of {spelled}")
            try:
                made.map.literals[key].CopyFrom(item.encode(member, files))
            except UserError as error:
                raise UserError(f"[{key!r}]: {error}") from error
        return made

    def decode(literal: Literal, files: FileSource) -> Any:
        if literals.kind_of(literal) != "map":
            return decode_other(literal, files, annotation, decode)
        return {key: item.decode(member, files) for key, member in literal.map.literals.items()}

    return Transformer(
        tag="Typed Dict",
        literal_type=literal_types.map_of(item.literal_type),
        kind="map",
        is_instance=lambda value: type(value) is dict,
        encode=encode,
        decode=decode,
    )


def union_of(annotation: Any, variants: Sequence[Transformer]) -> Transformer:
    """The transformer of a union: the first variant that a value is an instance of, else the first that accepts it."""
    spelled = type_name(annotation)
    stored = [literal_types.tagged(variant.literal_type, variant.tag) for variant in variants]
    choices = list(zip(variants, stored, strict=True))

    def encode(value: Any, files: FileSink) -> Literal:
        exact = [choice for choice in choices if choice[0].is_instance(value)]
        failures: list[UserError] = []
        for variant, stored_type in exact or choices:
            try:
                return literals.union(variant.encode(value, files), stored_type)
            except UserError as error:
                failures.append(error)
        _raise_only(failures, is_chosen=bool(exact))
        raise mismatch(value, spelled)

    def decode(literal: Literal, files: FileSource) -> Any:
        if literals.kind_of(literal) == "binary":
            return unpacker_for(annotation)(packed(literal), files)
        fitting, literal = _readers(choices, literal)
        failures: list[UserError] = []
        for variant in fitting:
            try:
                return variant.decode(literal, files)
            except UserError as error:
                failures.append(error)
        _raise_only(failures, is_chosen=True)
        raise wrong_literal(literal, spelled)

    return Transformer(
        tag="Typed Union",
        literal_type=literal_types.union_of(stored),
        kind="union",
        is_instance=lambda value: any(variant.is_instance(value) for variant in variants),
        encode=encode,
        decode=decode,
    )


def _raise_only(failures: list[UserError], *, is_chosen: bool) -> None:
    """Raises the failure of the one variant that was meant: it says more than that the union does not fit."""
    if is_chosen and len(failures) == 1:
        raise failures[0]


def _readers(
    choices: Sequence[tuple[Transformer, LiteralType]], literal: Literal
) -> tuple[list[Transformer], Literal]:
    """The variants that may read a literal, and what they read: the value inside, if it is stored as a union."""
    kind = literals.kind_of(literal)
    if kind == "union":
        held = literal.scalar.union
        exact = [variant for variant, own in choices if own == held.type]
        return exact or [variant for variant, own in choices if _is_stored_as(own, held.type)], held.value
    fitting = [variant for variant, _ in choices if variant.kind == kind]
    return fitting or [variant for variant, _ in choices], literal


def _is_stored_as(own: LiteralType, stored: LiteralType) -> bool:
    """A variant reads what was stored under its tag, if the types agree; a stored type without a tag says less."""
    if stored.structure.tag and own.structure.tag != stored.structure.tag:
        return False
    return literal_types.is_assignable(stored, own)
