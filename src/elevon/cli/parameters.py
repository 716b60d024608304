"""The parameters of a workflow as options of the command line.

It owns how the words behind `elevon run` are dealt out: ours, the file, the workflow's name, and the workflow's own
parameters, which win over options of ours of the same name. It must never run the workflow.
"""

import argparse
import difflib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from elevon import errors
from elevon.cli import grammar
from elevon.idl.messages import Literal
from elevon.sdk import interfaces, types
from elevon.sdk.files import IN_PLACE

_HELP = ("-h", "--help")
_BOOLEAN_WORDS = ("true", "false")


class Words(NamedTuple):
    """What stands behind the name of a workflow, dealt out.

    Attributes:
        texts: Values of the workflow's parameters, by name.
        ours: The words that are options of ours.
        is_help_wanted: Whether `--help` was among them.
    """

    texts: dict[str, str]
    ours: list[str]
    is_help_wanted: bool


class Values(NamedTuple):
    """Inputs as literals, and why others could not be read."""

    given: dict[str, Literal]
    unreadable: dict[str, str]


def deal(
    words: Sequence[str], parameters: Mapping[str, interfaces.Parameter], own: Mapping[str, bool]
) -> Words:
    """Tell the workflow's parameters from options of ours.

    Args:
        words: What stands behind the name of the workflow.
        parameters: What the workflow takes.
        own: Options of ours, and whether each takes a value.

    Raises:
        UserError: A word is no option, an option is unknown or lacks its value, or a parameter is given twice.
    """
    texts: dict[str, str] = {}
    ours: list[str] = []
    is_help_wanted = False
    waiting = list(reversed(words))
    while waiting:
        word = waiting.pop()
        flag, equals, text = word.partition("=")
        name = _parameter_of(flag, parameters)
        if name:
            if name in texts:
                raise errors.UserError(
                    f"{flag} is given twice: a list is written as JSON, as in {flag} '[1, 2]'"
                )
            texts[name] = text if equals else _value_of(flag, parameters[name], waiting)
            if flag.startswith("--no-") and not equals and name != flag[2:].replace("-", "_"):
                texts[name] = "false"
        elif word in _HELP:
            is_help_wanted = True
        elif flag in own:
            ours.append(word)
            if own[flag] and not equals and waiting:
                ours.append(waiting.pop())
        else:
            raise _unknown(word, parameters, own)
    return Words(texts, ours, is_help_wanted)


def name_in(words: Sequence[str], own: Mapping[str, bool]) -> tuple[list[str], str, list[str]]:
    """What stands between FILE and NAME, NAME (empty if there is none), and what stands behind it."""
    position = 0
    while position < len(words) and words[position].startswith("-"):
        flag, equals, _ = words[position].partition("=")
        if flag not in own and flag not in _HELP:
            raise errors.UserError(
                f"{flag} stands before the name of the workflow: parameters stand behind it"
            )
        position += 2 if own.get(flag) and not equals else 1
    return (
        list(words[:position]),
        words[position] if position < len(words) else "",
        list(words[position + 1 :]),
    )


def is_help_in(words: Sequence[str]) -> bool:
    """Whether help was asked for."""
    return any(word in _HELP for word in words)


def read(
    texts: Mapping[str, str], document: Mapping[str, Any], parameters: Mapping[str, interfaces.Parameter]
) -> Values:
    """Make literals of what was typed, and of an inputs document; what was typed wins."""
    given: dict[str, Literal] = {}
    unreadable: dict[str, str] = {}
    for name in [*document, *(name for name in texts if name not in document)]:
        if name not in parameters:
            unreadable[name] = "unknown"
            continue
        annotation = parameters[name].annotation
        try:
            value = (
                types.from_text(texts[name], annotation)
                if name in texts
                else types.from_json(document[name], annotation)
            )
            given[name] = types.to_literal(value, annotation, IN_PLACE)
        except errors.UserError as error:
            unreadable[name] = str(error)
    return Values(given, unreadable)


def read_document(path: str) -> dict[str, Any]:
    """The JSON object in a file of inputs.

    Raises:
        UserError: The file can't be read, or holds no JSON object.
    """
    try:
        document = json.loads(Path(path).read_bytes())
    except OSError as error:
        raise errors.UserError(f"--inputs {path}: can't be read ({error.strerror})") from error
    except ValueError as error:
        raise errors.UserError(f"--inputs {path}: is no JSON: {error}") from error
    if not isinstance(document, dict):
        raise errors.UserError(f"--inputs {path}: holds no JSON object: write {{" + '"name": value, ...}')
    return document  # pyright: ignore[reportUnknownVariableType] - the keys of a JSON object are strings


def describe(prog: str, interface: interfaces.Interface) -> str:
    """The help of one workflow: its summary, and its parameters with types, defaults and what is said of them."""
    parser = grammar.Parser(prog=prog, usage="%(prog)s [--PARAM VALUE ...]", add_help=False)
    parser.description = interface.summary or None
    group = parser.add_argument_group("parameters")
    for name, parameter in interface.inputs.items():
        default = (
            "required"
            if parameter.default is interfaces.ABSENT
            else f"default: {types.shown(parameter.default)}"
        )
        text = " ".join(part for part in (parameter.description, f"({default})") if part)
        group.add_argument(
            f"--{name}", metavar=types.spelled(parameter.annotation), help=text.replace("%", "%%")
        )
    if not interface.inputs:
        group.description = "none"
    parser.epilog = "elevon run --help shows the options of elevon itself."
    return parser.format_help()


def _parameter_of(flag: str, parameters: Mapping[str, interfaces.Parameter]) -> str:
    """The parameter that an option names: with dashes or underscores, and `--no-` before one that is a bool."""
    if not flag.startswith("--"):
        return ""
    name = flag[2:]
    for candidate in (name, name.replace("-", "_")):
        if candidate in parameters:
            return candidate
    if name.startswith("no-"):
        negated = name[3:].replace("-", "_")
        if negated in parameters and _is_boolean(parameters[negated]):
            return negated
    return ""


def _is_boolean(parameter: interfaces.Parameter) -> bool:
    return parameter.annotation is bool


def _value_of(flag: str, parameter: interfaces.Parameter, waiting: list[str]) -> str:
    """The value behind an option; a bool needs none."""
    if _is_boolean(parameter) and (not waiting or waiting[-1].lower() not in _BOOLEAN_WORDS):
        return "true"
    if not waiting or waiting[-1].startswith("--"):
        hint = f" (write {flag}={waiting[-1]} if that is it)" if waiting else ""
        raise errors.UserError(f"{flag} needs a value of type {types.spelled(parameter.annotation)}{hint}")
    return waiting.pop()


def _unknown(word: str, parameters: Iterable[str], own: Iterable[str]) -> errors.UserError:
    if not word.startswith("-"):
        return errors.UserError(f"{word!r} stands alone: a parameter is given as --NAME VALUE")
    known = [*(f"--{name}" for name in parameters), *own]
    near = difflib.get_close_matches(word.partition("=")[0], known, n=1)
    taken = ", ".join(f"--{name}" for name in parameters)
    there = f"the workflow's parameters are {taken}" if taken else "the workflow has none"
    hint = f"did you mean {near[0]}?" if near else there
    return errors.UserError(f"there is no parameter {word.partition('=')[0]}: {hint}")


def add_own(parser: argparse.ArgumentParser) -> dict[str, bool]:
    """Declare the options of `elevon run`; returns them, and whether each takes a value."""
    grammar.add_home(parser)
    grammar.add_remote(parser)
    parser.add_argument(
        "--execution-id", metavar="ID", default="", help="name of the execution (default: a random one)"
    )
    parser.add_argument(
        "--inputs", metavar="FILE.json", help="a JSON object with inputs; --PARAM wins over it"
    )
    grammar.add_output(parser)
    grammar.add_engine(parser)
    parser.add_argument(
        "--max-parallelism",
        metavar="N",
        type=grammar.count,
        help="tasks of this execution that are under way at once (default: no limit)",
    )
    parser.add_argument(
        "--detach", action="store_true", help="print the id and return; a process in the background drives it"
    )
    return {
        "--home": True,
        "--remote": True,
        "--execution-id": True,
        "--inputs": True,
        "--output": True,
        "--workers": True,
        "--max-parallelism": True,
        "--tasktype": True,
        "--metrics-port": True,
        "--log-format": True,
        "--log-level": True,
        "--detach": False,
        "--debug": False,
    }
