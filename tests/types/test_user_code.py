"""The types that users meet: right code passes a strict check, each kind of slip fails where it was made."""

import json
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent / "user_code"
FILES = sorted(FOLDER.glob("*.py"))


@pytest.fixture(scope="module")
def found() -> dict[str, dict[int, set[str]]]:
    """Rules that pyright reports, by file and line."""
    command = [
        sys.executable,
        "-m",
        "pyright",
        "--outputjson",
        "--pythonpath",
        sys.executable,
        "--project",
        str(FOLDER),
    ]
    report = json.loads(subprocess.run(command, capture_output=True, text=True, check=False).stdout)
    assert report["summary"]["filesAnalyzed"] == len(FILES)
    problems: dict[str, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
    for problem in report["generalDiagnostics"]:
        line = problem["range"]["start"]["line"] + 1
        problems[Path(problem["file"]).name][line].add(problem.get("rule", problem["message"]))
    return problems


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_pyright_reports_exactly_what_is_marked(file: Path, found: dict[str, dict[int, set[str]]]) -> None:
    marked = {
        number: set(re.split(r",\s*", match[1]))
        for number, line in enumerate(file.read_text().splitlines(), start=1)
        if (match := re.search(r"# error: (.+)$", line))
    }
    assert found[file.name] == marked
    assert bool(marked) == file.stem.startswith("bad_")
