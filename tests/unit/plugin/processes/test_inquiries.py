"""Whatever is wrong with an environment is one sentence, which names the host and the mend."""

import os
import sys
import textwrap
from pathlib import Path

import msgspec
import pytest

from elevon import errors
from elevon.plugin.descriptions import HostSettings
from elevon.plugin.processes import describing, inquiries
from elevon.plugin.processes.inquiries import Answers
from elevon.plugin.processes.protocol import VERSION, Findings, Inquiry, Release

SLEEP = "elevon.tasktypes.sleep.executor:SleepExecutor"


def interpreter(folder: Path, program: str) -> str:
    """Something that is started like an interpreter, and runs this instead."""
    path = folder / "python"
    path.write_text(f"#!{sys.executable}\n{textwrap.dedent(program)}")
    path.chmod(0o755)
    return str(path)


def ask(python: str, **more: object) -> Answers:
    host = HostSettings(name="etl", python=python, **more)  # pyright: ignore[reportArgumentType]
    return inquiries.ask([host], {}, "elevon.toml")


def sentence_of(answers: Answers) -> str:
    (problem,) = answers.problems
    assert problem.is_of_host
    assert answers.hosted == []
    return problem.sentence


def test_missing_interpreter() -> None:
    sentence = sentence_of(ask("/nowhere/bin/python"))
    assert sentence.startswith("host 'etl' can't be had: /nowhere/bin/python can't be started (No such file")
    assert "[hosts.etl]" in sentence


def test_environment_without_elevon(tmp_path: Path) -> None:
    python = interpreter(tmp_path, "raise ModuleNotFoundError(\"No module named 'elevon'\")")
    assert "install elevon 0." in sentence_of(ask(python))


def test_environment_that_breaks_otherwise(tmp_path: Path) -> None:
    python = interpreter(tmp_path, "print('warming up'); raise SystemExit('the licence has expired')")
    assert sentence_of(ask(python)).endswith("the licence has expired; mend that environment")


def test_release_that_speaks_another_version(tmp_path: Path) -> None:
    content = msgspec.msgpack.encode(Release(version=VERSION + 1, elevon="9.9"))
    python = interpreter(tmp_path, f"import os; os.write(1, {content!r})")
    sentence = sentence_of(ask(python))
    assert (
        f"has elevon 9.9, which speaks version {VERSION + 1} of the host protocol and this one {VERSION}"
        in sentence
    )


def test_environment_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inquiries, "_TIME_LIMIT_S", 0.2)
    python = interpreter(tmp_path, "import time; time.sleep(60)")
    assert "did not tell within 0.2 s which executors it has" in sentence_of(ask(python))


def test_executor_that_needs_a_newer_contract_costs_its_types_only(tmp_path: Path) -> None:
    description = describing.find(Inquiry(tasktypes=(SLEEP,), configuration={}, import_path=())).executors[0]
    newer = msgspec.structs.replace(description, contract_version=99)
    content = msgspec.msgpack.encode(Findings(version=VERSION, elevon="9.9", executors=(newer,)))
    answers = ask(interpreter(tmp_path, f"import os; os.write(1, {content!r})"))
    (problem,) = answers.problems
    assert problem.name == "sleep"
    assert "needs version 99 of the executor contract" in problem.sentence


def test_class_that_is_not_there_costs_itself_only() -> None:
    answers = ask("", tasktypes=(SLEEP, "elevon.tasktypes.sleep.executor:Slep"))
    assert [one.description.id for one in answers.hosted] == ["sleep"]
    (problem,) = answers.problems
    assert "host 'etl': elevon.tasktypes.sleep.executor:Slep: " in problem.sentence


def test_wrong_setting_is_an_error_of_the_configuration() -> None:
    host = HostSettings(name="etl", tasktypes=(SLEEP,))
    with pytest.raises(errors.UserError, match=r"elevon.toml: the executor 'sleep' takes no settings"):
        inquiries.ask([host], {"sleep": {"hours": 8}}, "elevon.toml")


def test_engines_python_path_does_not_lead_another_interpreter_astray(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", os.fspath(tmp_path))
    python = interpreter(tmp_path, "import os; raise SystemExit(str(os.environ.get('PYTHONPATH')))")
    assert "it has: None;" in sentence_of(ask(python))
