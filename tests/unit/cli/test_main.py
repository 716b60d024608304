"""Whatever is typed, a person sees one sentence and a script sees the documented exit code."""

import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from elevon.cli import grammar, main
from elevon.cli.endings import Ending
from elevon.cli.exits import EngineStoppedError, Exit
from elevon.errors import BugError, CorruptStateError, UnavailableError, UserError
from elevon.records.attempts import AttemptRecord
from elevon.records.executions import ExecutionRecord
from elevon.records.identities import ExecutionId
from elevon.records.phases import AttemptPhase, ExecutionPhase

COMMANDS = [
    f"{name} {second}".strip()
    for name, entry in grammar.COMMANDS.items()
    for second in (entry.commands if isinstance(entry, grammar.Group) else [""])
]
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
PARKED = AttemptRecord(
    node_id="n0",
    executor_id="sleep",
    task_type="sleep",
    phase=AttemptPhase.RUNNING,
    queued_at=EPOCH,
    is_parked=True,
)
HEAVY = ("apsw", "asyncio", "cyclopts", "flyteidl", "google.protobuf", "msgspec", "rich")


def test_help_loads_nothing_heavy() -> None:
    script = (
        "import sys; from elevon.cli.main import main; code = main(['--help']); "
        f"print(code, *sorted(set({HEAVY!r}) & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr.split() == ["0"]
    assert all(command in done.stdout for command in grammar.COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main([*command.split(), "--help"]) == Exit.SUCCEEDED
    assert "usage: elevon " + command in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "a command is missing behind elevon: choose from run, serve, resume,"),
        (["sing"], "argument COMMAND: there is no 'sing': choose from run, serve, resume, recover, "),
        (["rnu"], "argument COMMAND: there is no 'rnu': did you mean 'run'? (see elevon --help)"),
        (
            ["show", "--output", "jsn", "a1"],
            "argument --output: there is no 'jsn': did you mean 'json'? (see elevon",
        ),
        (
            ["tasktype"],
            "a command is missing behind elevon tasktype: choose from new (see elevon tasktype --help)",
        ),
        (["executions", "foo"], "unrecognized arguments: foo (see elevon executions --help)"),
        (["plugin", "list", "--foo"], "unrecognized arguments: --foo (see elevon plugin list --help)"),
        (
            ["plugin", "sing"],
            "argument COMMAND: there is no 'sing': choose from list, show, drain, resume, check,",
        ),
        (["show"], "the following arguments are required: ID (see elevon show --help)"),
        (
            ["run", "--workers", "0", "f.py", "flow"],
            "argument --workers: 0 is less than 1 (see elevon run --help)",
        ),
        (["prune", "--older-than", "soon"], "'soon' is no span: write it like 30d, 12h, 90m or 45s"),
        (["executions", "--phase", "happy"], "argument --phase: 'happy' is no phase: write one of queued,"),
        (["serve", "--port", "http"], "argument --port: 'http' is no whole number"),
        (["serve", "--port", "65536"], "argument --port: 65536 is no port: use 0 to 65535"),
        (["executions", "--limit", "few"], "argument --limit: 'few' is no whole number"),
        (["resume", "--metrics-port", "http"], "argument --metrics-port: 'http' is no whole number"),
        (["run", "no_such_file.py", "flow"], "there is no file no_such_file.py"),
    ],
)
def test_what_can_not_be_understood_is_one_sentence(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main(arguments) == Exit.USAGE
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("elevon: ")
    assert sentence in printed.err
    assert printed.err.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (UserError("x is wrong"), 2, "elevon: x is wrong\n"),
        (CorruptStateError("the database is newer"), 2, "elevon: the database is newer\n"),
        (BugError("impossible"), 70, "elevon: impossible (a bug of elevon: --debug shows the traceback)\n"),
        (
            ZeroDivisionError("division\nby zero"),
            70,
            "elevon: this is a bug of elevon: ZeroDivisionError: division by zero (--debug shows the traceback)\n",
        ),
        (ExceptionGroup("group", [UserError("x is wrong")]), 2, "elevon: x is wrong\n"),
        (
            EngineStoppedError(UnavailableError("the disk is full"), "elevon resume a1"),
            74,
            "elevon: the engine stopped: the disk is full; nothing durable is lost, go on with: elevon resume a1\n",
        ),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_an_error_is_a_sentence_and_a_code(
    error: BaseException,
    code: int,
    sentence: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(_: object) -> None:
        raise error

    monkeypatch.setattr(grammar, "parse", fail)
    assert main.main(["executions"]) == code
    assert capsys.readouterr().err == sentence


def test_debug_shows_the_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["run", "no_such_file.py", "flow", "--debug"]) == Exit.USAGE
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("phase", "stalls", "code"),
    [
        (ExecutionPhase.SUCCEEDED, [], 0),
        (ExecutionPhase.FAILED, [], 1),
        (ExecutionPhase.ABORTED, [], 1),
        (ExecutionPhase.RUNNING, [], 130),
        (ExecutionPhase.QUEUED, [], 130),
        (ExecutionPhase.RUNNING, [PARKED], 74),
    ],
)
def test_the_exit_code_says_how_an_execution_ended(
    phase: ExecutionPhase, stalls: Sequence[AttemptRecord], code: int
) -> None:
    record = ExecutionRecord(
        id=ExecutionId("default", "development", "x1"),
        workflow="nightly",
        closure_digest="",
        phase=phase,
        created_at=EPOCH,
    )
    assert Ending(record, {}, stalls).exit_code == code
