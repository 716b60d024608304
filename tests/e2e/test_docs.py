"""Every code block in the README and in docs/ does what it says.

What becomes of a block, by the language of its fence:

- `python`, `proto`, `toml`: the file that the sentence before it names; with a path below src/, a quotation of that
  file (its lines, in their order; lines may be left out); without a name, a program that runs.
- `console`: commands behind `$`, run by one shell, and below each what it prints at least, ids and times aside. Behind
  `# exit code N` stands the exit code that is expected.
- `sh`: commands alone.
- `json`: a document that can be parsed.
- `text`: a picture.

A comment `<!-- not run: WHY -->` before a block exempts it, and `NOT_RUN` counts such blocks. The blocks of a document
share a directory and run in order.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = (
    ROOT / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "docs/tasktypes").glob("*.md")),
)
OF_JAVA = ("tasktypes/spark.md",)
"""Documents whose commands start a JVM."""
NOT_RUN = {"README.md": 1, "connectors.md": 1}
BLOCK = re.compile(r"^```(?P<language>\w*)\n(?P<content>.*?)^```$", re.MULTILINE | re.DOTALL)
NAMED = re.compile(r"`(?P<name>[\w./]+\.\w+)`[^`]*:\s*\Z")
EXEMPT = re.compile(r"<!-- not run: .+? -->\s*\Z")
EXIT_CODE = re.compile(r"# exit code (?P<code>\d+)\s*$")
END_OF_COMMAND = "<<<end of command>>>"
VARYING = (
    (re.compile(r"\b[ae][a-z0-9]{19}\b"), "ID"),
    (re.compile(r"\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\b( [A-Z]{3,5}\b| [+-]\d+)?"), "INSTANT"),
    (re.compile(r"\b\d+(\.\d+)? s\b"), "SPAN"),
    (re.compile(r"[ \t]+"), " "),
)


class Block(NamedTuple):
    """One fenced block: where it is, what it is, and how the text before it ends."""

    line: int
    language: str
    content: str
    before: str

    @property
    def file(self) -> str:
        """The file that the sentence before it names; empty for none."""
        found = NAMED.search(self.before)
        return found["name"] if found else ""

    @property
    def is_exempt(self) -> bool:
        """Whether it is marked as not to be run."""
        return bool(EXEMPT.search(self.before))


def name_of(document: Path) -> str:
    """As `operations.md`, or `tasktypes/sleep.md`."""
    folder = document.parent.name
    return f"{folder}/{document.name}" if folder == "tasktypes" else document.name


def blocks_of(document: Path) -> list[Block]:
    text = document.read_text(encoding="utf-8")
    return [
        Block(
            line=text.count("\n", 0, match.start()) + 1,
            language=match["language"],
            content=match["content"],
            before=text[: match.start()].rpartition("\n\n```")[2],
        )
        for match in BLOCK.finditer(text)
    ]


@pytest.mark.timeout(500)  # some start JVMs, which takes long on a busy machine
@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_the_blocks_of_a_document_do_what_it_says(document: Path, tmp_path: Path) -> None:
    if name_of(document) in OF_JAVA and shutil.which("java") is None:
        pytest.skip("there is no Java on this machine")
    for block in blocks_of(document):
        if not block.is_exempt:
            problem = "; ".join(problems_of(block, tmp_path))
            assert not problem, f"{name_of(document)}:{block.line}: {problem}"


def test_no_block_is_skipped_silently() -> None:
    exempt = Counter(
        name_of(document) for document in DOCUMENTS for block in blocks_of(document) if block.is_exempt
    )
    assert dict(exempt) == NOT_RUN


@pytest.mark.parametrize(
    ("language", "content", "problem"),
    [
        ("python", "raise ValueError\n", "ValueError"),
        ("json", "{\n", "Expecting"),
        ("cobol", "MOVE A TO B\n", "a block of the unknown language 'cobol'"),
        ("console", "$ echo hello\ngood-bye\n", "does not print 'good-bye'"),
        ("console", "$ false\n", "ends with exit code 1, not 0"),
        ("console", "$ true  # exit code 2\n", "ends with exit code 0, not 2"),
        ("sh", "false\n", "ends with exit code 1, not 0"),
    ],
)
def test_a_block_that_does_not_hold_is_found(
    language: str, content: str, problem: str, tmp_path: Path
) -> None:
    assert problem in "; ".join(problems_of(Block(1, language, content, ""), tmp_path))


def problems_of(block: Block, folder: Path) -> Iterator[str]:
    """What is wrong with a block, after it has done its work in the folder."""
    match block.language:
        case "python" | "proto" if block.file.startswith("src/"):
            yield from problems_of_quotation(block)
        case "python" | "proto" | "toml" if block.file:
            (folder / block.file).parent.mkdir(parents=True, exist_ok=True)
            (folder / block.file).write_text(block.content, encoding="utf-8")
        case "python":
            program = folder / f"block_{block.line}.py"
            program.write_text(block.content, encoding="utf-8")
            done = run([sys.executable, str(program)], folder)
            if done.returncode:
                yield done.stdout
        case "console":
            yield from problems_of_session(block.content, folder)
        case "sh":
            session = "".join(f"$ {line}\n" for line in block.content.splitlines())
            yield from problems_of_session(session, folder)
        case "json":
            try:
                json.loads(block.content)
            except ValueError as error:
                yield str(error)
        case "text":
            return
        case _:
            yield f"a block of the unknown language {block.language!r}"


def problems_of_quotation(block: Block) -> Iterator[str]:
    remaining = iter((ROOT / block.file).read_text(encoding="utf-8").splitlines())
    for line in block.content.splitlines():
        if line.strip() and line not in remaining:
            yield f"{block.file} has no line {line!r} there"
            return


def problems_of_session(session: str, folder: Path) -> Iterator[str]:
    """Run the commands of a session in one shell, and compare what each printed."""
    steps = [step.splitlines() for step in re.split(r"^\$ ", session, flags=re.MULTILINE) if step.strip()]
    script = "".join(f'{command}\necho "{END_OF_COMMAND} $?"\n' for command, *_ in steps)
    printed = run(["bash", "-c", f"exec 2>&1\n{script}"], folder).stdout
    ends = re.compile(rf"{END_OF_COMMAND} (\d+)\n")
    pieces = ends.split(printed)
    for (command, *expected), text, code in zip(steps, pieces[::2], pieces[1::2], strict=False):
        wanted = EXIT_CODE.search(command)
        wanted_code = wanted["code"] if wanted else "0"
        if code != wanted_code:
            yield f"{command!r} ends with exit code {code}, not {wanted_code}: {text}"
        lines = [plain(line) for line in text.splitlines()]
        for line in expected:
            if line.strip() not in ("", "...") and plain(line) not in lines:
                yield f"{command!r} does not print {line!r}, but {text}"


def plain(line: str) -> str:
    """A line without what differs from run to run."""
    for pattern, replacement in VARYING:
        line = pattern.sub(replacement, line)
    return line.strip()


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command as a reader would, who has installed elevon."""
    return subprocess.run(
        command,
        cwd=folder,
        env={
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(folder),
            "ELEVON_HOME": str(folder / "home"),
            "FLYTEKIT_PYTHON": os.environ.get("ELEVON_FLYTEKIT_PYTHON", ""),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=250,
    )
