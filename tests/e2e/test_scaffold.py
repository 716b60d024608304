"""A package that `elevon tasktype new` has written works as it is: it runs, it proves itself, and it is clean."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from elevon import errors
from elevon.testing import scaffolding

KINDS = [(base, has_message) for base in scaffolding.BASES for has_message in (False, True)]


def names_of(kind: tuple[str, bool]) -> str:
    return f"{kind[0]}-{'message' if kind[1] else 'plain'}"


@pytest.fixture(params=KINDS, ids=names_of)
def package(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    base, has_message = request.param
    return scaffolding.write("good-day", tmp_path, base=base, has_message=has_message)


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(folder.parent),
        "ELEVON_HOME": str(folder.parent / "home"),
    }
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=50
    )


def test_its_example_runs_without_an_installation(package: Path) -> None:
    tasktype = "good_day.executor:GoodDayExecutor"
    done = run(package, "elevon", "run", "--tasktype", tasktype, "example.py", "example", "--to", "all")
    assert (done.returncode, done.stdout) == (0, "outputs:\n  o0: hello all\n"), done.stderr


def test_its_tests_pass_as_generated(package: Path) -> None:
    done = run(package, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout
    assert done.stderr == ""


def test_it_is_clean_in_style_and_types(package: Path) -> None:
    tools = Path(sys.executable).parent
    settings = ["--isolated", "--line-length", "110", "--no-cache", "--exclude", "*_pb2.py"]
    linted = run(package, str(tools / "ruff"), "check", *settings, "--select", "E4,E7,E9,F,I,UP,B", ".")
    assert linted.returncode == 0, linted.stdout
    formatted = run(package, str(tools / "ruff"), "format", *settings, "--check", "--diff", ".")
    assert formatted.returncode == 0, formatted.stdout


@pytest.mark.timeout(120)
def test_it_passes_the_type_checker(tmp_path: Path) -> None:
    for base, has_message in KINDS:
        name = f"day-{base}-{'message' if has_message else 'plain'}"
        scaffolding.write(name, tmp_path, base=base, has_message=has_message)
        (tmp_path / name / "pyrightconfig.json").write_text("{}")
    executable = str(Path(sys.executable).parent / "pyright")
    for folder in tmp_path.iterdir():
        done = run(folder, executable, "--pythonpath", sys.executable, ".")
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", ["Good-Day", "1st", "a--b", "a_b", "", "../x"])
def test_an_unfit_name_is_refused_in_one_sentence(name: str, tmp_path: Path) -> None:
    with pytest.raises(errors.UserError, match="can't name a package: use lower-case letters"):
        scaffolding.write(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["class", "json", "elevon"])
def test_a_name_under_which_no_package_could_be_imported_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(errors.UserError, match=f"the name is taken: use two words, such as {name}-job"):
        scaffolding.write(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["sleep", "python-task", "example", "tests"])
def test_a_name_that_means_something_already_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(errors.UserError, match=f"'{name}' is used already"):
        scaffolding.write(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_written_over_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "good-day").mkdir()
    with pytest.raises(errors.UserError, match="good-day is there already: choose another name"):
        scaffolding.write("good-day", tmp_path)
    assert list((tmp_path / "good-day").iterdir()) == []
