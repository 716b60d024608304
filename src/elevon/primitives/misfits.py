"""What msgspec says of plain data that does not fit a type, in the words of a configuration.

msgspec names the place at the end, as in `$.engine.workers`, and speaks of JSON. Here the place comes apart from the
problem, so that who refuses a setting can name it first. It must never decide what fits.
"""

from collections.abc import Iterator
from typing import Any, Final, Literal, NamedTuple, get_args, get_origin

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


def _choices(wanted: Any, names: list[str]) -> Iterator[str]:
    """The texts that a field may be, if it is declared as one of several."""
    for name in names:
        if not (isinstance(wanted, type) and issubclass(wanted, msgspec.Struct)):
            return
        wanted = {field.encode_name: field.type for field in msgspec.structs.fields(wanted)}.get(name)
    for option in (wanted, *get_args(wanted)):
        if get_origin(option) is Literal:
            yield from get_args(option)
