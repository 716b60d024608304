"""The placeholders of a container's command, `{{.input}}` and the like, in the spellings that Flyte accepts.

It exists for whoever carries a command out: the launcher here, a service elsewhere. It owns what each stands for; it
must never know who runs the command.
"""

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final, Protocol, cast

import msgspec

from elevon.idl import json_values, placeholders
from elevon.idl.messages import LiteralMap


class Paths(Protocol):
    """Where the files of an attempt are; a `TaskContext` says it."""

    @property
    def data_dir(self) -> Path:
        """The attempt's own directory."""
        ...

    @property
    def inputs_file(self) -> Path:
        """Where `inputs.pb` is."""
        ...

    @property
    def raw_output_prefix(self) -> str:
        """Below it go the task's own files."""
        ...

    @property
    def checkpoint_prefix(self) -> str:
        """Below it go its checkpoints."""
        ...

    @property
    def previous_checkpoint_prefix(self) -> str | None:
        """Below it are those of the attempt before; None for the first one."""
        ...


class Place(msgspec.Struct, frozen=True):
    """Whose command it is.

    Attributes:
        paths: Where the attempt's files are.
        name: The attempt's generated name.
        namespace: `<project>-<domain>`.
    """

    paths: Paths
    name: str
    namespace: str


def replaced(
    args: Iterable[str], place: Place, inputs: LiteralMap, quoted: Callable[[str], str] = str
) -> tuple[str, ...]:
    """A command with its placeholders replaced; an unknown one stays, as the command may mean it.

    Args:
        args: The command.
        place: Whose it is.
        inputs: Of the task.
        quoted: How what is put in is written where whoever runs the command gives some characters a meaning.
    """

    def text_of(found: re.Match[str]) -> str:
        family, _, name = found[1].partition(".")
        if name and family.lower() == "inputs" and name in inputs.literals:
            return quoted(_text(json_values.to_json(inputs.literals[name])))
        known = KNOWN.get(found[1].lower())
        return found[0] if known is None else quoted(known(place))

    return tuple(placeholders.PATTERN.sub(text_of, argument) for argument in args)


KNOWN: Final[dict[str, Callable[[Place], str]]] = {
    "input": lambda place: str(place.paths.inputs_file),
    "inputprefix": lambda place: str(place.paths.data_dir),
    "outputprefix": lambda place: str(place.paths.data_dir),
    "rawoutputdataprefix": lambda place: place.paths.raw_output_prefix,
    "perretryuniquekey": lambda place: place.name,
    "namespace": lambda place: place.namespace,
    "checkpointoutputprefix": lambda place: place.paths.checkpoint_prefix,
    "prevcheckpointprefix": lambda place: place.paths.previous_checkpoint_prefix or '""',
}
"""What each of `idl.placeholders.NAMES` stands for."""


def _text(value: Any) -> str:
    """An input as Flyte prints it into a command: lists as `[a,b]`, the rest plainly."""
    if isinstance(value, list):
        return f"[{','.join(_text(item) for item in cast('list[Any]', value))}]"
    return str(value).lower() if isinstance(value, bool) else str(value)
