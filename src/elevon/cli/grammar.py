"""What can be typed after `elevon`: the commands, the options that they share, and how both are parsed.

A command is one word, or two if it belongs to a group: `elevon plugin list`. The module of a command has its name, in
`cli/commands/` or in the group's package there.

argparse does the parsing, because it starts in a fraction of the time of what is nicer
(docs/adr/0004-argparse.md). This module must import nothing that is slow: it is all that `elevon --help` loads.
"""

import argparse
import difflib
import importlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn, Protocol, cast

import elevon
from elevon import errors


class Group(NamedTuple):
    """Commands that share their first word.

    Attributes:
        summary: What they are about.
        commands: Their second words, with what each does.
    """

    summary: str
    commands: Mapping[str, str]


COMMANDS: Mapping[str, str | Group] = {
    "run": "run a workflow of a Python file",
    "serve": "serve a home over HTTP, and drive all that is unfinished in it",
    "resume": "go on with executions that are not finished",
    "recover": "run a failed execution again, without the nodes that succeeded",
    "executions": "list executions",
    "show": "show an execution: nodes, attempts, errors, states",
    "logs": "print what the tasks of an execution wrote",
    "abort": "end an execution that is under way",
    "attempt": Group(
        "handle attempts that don't go on by themselves",
        {
            "fail": "end an attempt as failed, whatever its executor says",
            "abandon": "give up on a kill or a finalizer that never succeeds",
            "unpark": "call the executor of a parked attempt again",
        },
    ),
    "delete": "remove a finished execution and its files",
    "prune": "remove all executions that finished long ago",
    "compile": "show what a workflow compiles to",
    "check": "check all workflows of a Python file",
    "tasktype": Group(
        "write task types of your own",
        {
            "new": "begin a task type with a package that works",
        },
    ),
    "plugin": Group(
        "look at the executors of task types",
        {
            "list": "list executors and the task types that they serve",
            "show": "show an executor: configuration, properties, what is left of its attempts",
            "drain": "start no more attempts of a task type; those that run go on",
            "resume": "start attempts of a drained task type again",
            "check": "find out which promises of the contract an executor breaks",
            "replay": "feed the history of an attempt through the executor's code as it is now",
        },
    ),
}

_LAST_PORT = 65535


class Command(Protocol):
    """What the module of a command offers."""

    def declare(self, parser: argparse.ArgumentParser) -> None:
        """Add its options and arguments."""
        ...

    def run(self, options: argparse.Namespace) -> int:
        """Carry it out; returns the exit code."""
        ...


class Parser(argparse.ArgumentParser):
    """An argparse parser whose complaints are user errors, and that takes no abbreviations."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter, **settings)

    def parse_known_args(  # pyright: ignore[reportIncompatibleMethodOverride] - it is overloaded there
        self, args: Any = None, namespace: Any = None
    ) -> Any:
        """Understand everything: what is left over is refused by the command that it was given to, not by the first."""
        found, left = super().parse_known_args(args, namespace)
        if left:
            self.error(f"unrecognized arguments: {' '.join(left)}")
        return found, left

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Refuse a word that is none of those to choose from, by the one that is near, else by all of them."""
        if action.choices is not None and value not in action.choices:
            near = difflib.get_close_matches(str(value), action.choices, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"choose from {', '.join(action.choices)}"
            raise argparse.ArgumentError(action, f"there is no {value!r}: {hint}")

    def error(self, message: str) -> NoReturn:
        """Refuse what was typed."""
        raise errors.UserError(f"{message} (see {self.prog} --help)")


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Understand a command line; `options.run` is what carries it out.

    Raises:
        UserError: It can't be understood.
        SystemExit: It asked for help or for the version, which was printed.
    """
    parser = Parser(
        prog="elevon",
        description="A durable workflow engine: what has been committed survives any crash.",
        epilog="elevon COMMAND --help tells more. Exit codes and JSON: docs/cli.md.",
    )
    parser.add_argument("--version", action="version", version=f"elevon {elevon.__version__}")
    add_debug(parser, default=False)
    words = [argument for argument in arguments if not argument.startswith("-")]
    _declare(parser, COMMANDS, words, "elevon.cli.commands")
    return parser.parse_args(arguments)


def _declare(
    parser: argparse.ArgumentParser, table: Mapping[str, str | Group], words: Sequence[str], package: str
) -> None:
    """Declare the commands of a table; only the one that the words name is imported."""
    choices = parser.add_subparsers(title="commands", metavar="COMMAND")
    parser.set_defaults(run=_refusal(parser, table))
    chosen, *behind = words or [""]
    for name, entry in table.items():
        summary = entry.summary if isinstance(entry, Group) else entry
        child = choices.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
        if isinstance(entry, Group):
            _declare(child, entry.commands, behind if name == chosen else (), f"{package}.{name}")
        elif name == chosen:
            command = cast("Command", importlib.import_module(f"{package}.{name}"))
            command.declare(child)
            add_debug(child, default=argparse.SUPPRESS)
            child.set_defaults(run=command.run)


def _refusal(
    parser: argparse.ArgumentParser, table: Iterable[str]
) -> Callable[[argparse.Namespace], NoReturn]:
    """What is run where no command is named."""

    def refuse(_options: argparse.Namespace) -> NoReturn:
        parser.error(f"a command is missing behind {parser.prog}: choose from {', '.join(table)}")

    return refuse


def add_debug(parser: argparse.ArgumentParser, *, default: Any) -> None:
    """Declare `--debug`, which is understood before and after the command."""
    parser.add_argument(
        "--debug",
        action="store_true",
        default=default,
        help="log everything, and show tracebacks of elevon itself",
    )


def add_home(parser: argparse.ArgumentParser) -> None:
    """Declare `--home`."""
    parser.add_argument(
        "--home",
        metavar="DIR",
        help="where executions are kept (default: $ELEVON_HOME, else a folder of yours)",
    )


def add_remote(parser: argparse.ArgumentParser) -> None:
    """Declare `--remote`."""
    parser.add_argument(
        "--remote",
        metavar="URL",
        help="a server to ask instead, as elevon serve prints it (default: $ELEVON_REMOTE, unless --home is given)",
    )


def add_output(parser: argparse.ArgumentParser) -> None:
    """Declare `--output`."""
    parser.add_argument(
        "--output",
        choices=("text", "json"),
        default="text",
        help="json: one document on stdout, nothing else there",
    )


def add_engine(parser: argparse.ArgumentParser) -> None:
    """Declare what an engine can be told."""
    parser.add_argument(
        "--workers", metavar="N", type=count, help="processes that run Python tasks (default: one a core)"
    )
    parser.add_argument(
        "--metrics-port",
        metavar="N",
        type=port,
        help="serve the engine's figures to Prometheus at http://127.0.0.1:N/metrics; 0 for any port (default: no)",
    )
    parser.add_argument(
        "--log-format", choices=("text", "json"), help="how the log on stderr is written (default: text)"
    )
    parser.add_argument(
        "--log-level",
        choices=("debug", "info", "warning", "error"),
        help="the least that is logged on stderr (default: warning)",
    )
    add_tasktypes(parser)


def add_tasktypes(parser: argparse.ArgumentParser) -> None:
    """Declare `--tasktype`."""
    parser.add_argument(
        "--tasktype",
        metavar="MODULE:CLASS",
        action="append",
        default=[],
        help="an executor to register; repeatable",
    )


def whole(text: str) -> int:
    """An argument that is a whole number."""
    try:
        return int(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number") from error


def count(text: str) -> int:
    """An argument that counts something, from 1."""
    value = whole(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return value


def port(text: str) -> int:
    """An argument that names a port, or any by 0."""
    value = whole(text)
    if not 0 <= value <= _LAST_PORT:
        raise argparse.ArgumentTypeError(f"{text} is no port: use 0 to {_LAST_PORT}")
    return value


def log_everything() -> None:
    """Show the log of this process on stderr; without it only warnings are shown."""
    import logging

    logging.basicConfig(
        level=logging.DEBUG, format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True
    )
