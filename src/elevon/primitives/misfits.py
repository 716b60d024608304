"""What msgspec says of plain data that does not fit a type, in the words of a configuration.

msgspec names the place at the end, as in `$.engine.workers`, and speaks of JSON. Here the place comes apart from the
problem, so that who refuses a setting can name it first. It must never decide what fits, but for names that no field
has: msgspec passes them over, or tells the first one without those that there are.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Final, Literal, NamedTuple, TypeGuard, cast, get_args, get_origin

import msgspec

_WORDS: Final = (
    ("Object missing required field ", "it needs the setting "),
    ("`object`", "`table`"),
    (" | null`", "`"),
    ("Expected ", "expected "),
)


class Misfit(NamedTuple):
    """A value that does not fit.

    Attributes:
        place: The names that lead to it, with dots between them; empty for all of the data.
        problem: What is wrong with it.
    """

    place: str
    problem: str

    def sentence(self, *outer: str) -> str:
        """Place and problem.

        Args:
            outer: Names that lead to the data.
        """
        place = ".".join(name for name in (*outer, self.place) if name)
        return f"{place}: {self.problem}" if place else self.problem


class Stray(NamedTuple):
    """A name for which there is no field.

    Attributes:
        place: It, behind the names that lead to it, with dots between them.
        name: It alone.
        known: The names that there are.
    """

    place: str
    name: str
    known: Sequence[str]


def misfit(error: msgspec.ValidationError, wanted: Any) -> Misfit:
    """What an error says.

    Args:
        error: From `msgspec.convert`.
        wanted: The type that the data did not fit.
    """
    problem, _, path = str(error).partition(" - at `$")
    place = path.removesuffix("`").removeprefix(".")
    for found, ours in _WORDS:
        problem = problem.replace(found, ours)
    value = problem.removeprefix("Invalid enum value ")
    if value != problem:
        choices = ", ".join(repr(choice) for choice in _choices(wanted, place.split(".")))
        problem = f"{value} is none of {choices}" if choices else f"{value} is not one of its values"
    return Misfit(place, problem)


def strays(data: Any, wanted: Any, *outer: str) -> Iterator[Stray]:
    """The names in plain data that a type has no field for, however deep; what else is wrong is passed over.

    Args:
        data: Tables within tables.
        wanted: The type that the data is to fit.
        outer: Names that lead to the data.
    """
    origin, arguments = get_origin(wanted), get_args(wanted)
    if _is_struct(wanted) and isinstance(data, Mapping):
        fields = {field.encode_name: field.type for field in msgspec.structs.fields(wanted)}
        for name, value in cast("Mapping[str, Any]", data).items():
            if name in fields:
                yield from strays(value, fields[name], *outer, name)
            else:
                yield Stray(".".join((*outer, name)), name, tuple(fields))
    elif origin is Annotated:
        yield from strays(data, arguments[0], *outer)
    elif isinstance(origin, type) and issubclass(origin, Mapping):
        for name, value in cast("Mapping[str, Any]", data).items() if isinstance(data, Mapping) else ():
            yield from strays(value, arguments[-1], *outer, name)
    elif sum(map(_is_struct, arguments)) == 1:  # one that may be left out, or a list of them
        (one,) = filter(_is_struct, arguments)
        for item in cast("list[Any]", data) if isinstance(data, list) else [data]:
            yield from strays(item, one, *outer)


def _is_struct(wanted: Any) -> TypeGuard[type[msgspec.Struct]]:
    """Whether it is a type of its own kind; of those that are told apart by a tag the data decides."""
    return (
        isinstance(wanted, type)
        and issubclass(wanted, msgspec.Struct)
        and wanted.__struct_config__.tag is None
    )


def _choices(wanted: Any, names: list[str]) -> Iterator[str]:
    """The texts that a field may be, if it is declared as one of several."""
    for name in names:
        if not (isinstance(wanted, type) and issubclass(wanted, msgspec.Struct)):
            return
        wanted = {field.encode_name: field.type for field in msgspec.structs.fields(wanted)}.get(name)
    for option in (wanted, *get_args(wanted)):
        if get_origin(option) is Literal:
            yield from get_args(option)
