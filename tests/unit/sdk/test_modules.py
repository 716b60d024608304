"""From a path on the command line to a workflow, and the code that is kept of it."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from elevon import Task, UserError, Workflow
from elevon.sdk import modules, sources

FLOW = """
from elevon import task, workflow, Task
{imports}
@task
def double(x: int) -> int:
    return 2 * x

@workflow
def pipeline(x: int) -> int:
    return double(x)

nap = Task("nap", task_type="nap")
_hidden = double
LIMIT = 3
"""


@pytest.fixture(autouse=True)
def _clean_imports(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        del sys.modules[name]


def write(path: Path, text: str = FLOW.format(imports="")) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_a_file_is_imported_by_its_name(tmp_path: Path) -> None:
    module = modules.load_file(write(tmp_path / "loose_flow.py"))
    assert module.__name__ == "loose_flow"
    assert sys.path[0] == str(tmp_path)
    assert modules.load_file(str(tmp_path / "loose_flow.py")) is module


def test_a_file_in_a_package_is_imported_by_its_dotted_name(tmp_path: Path) -> None:
    write(tmp_path / "proj" / "__init__.py", "")
    write(tmp_path / "proj" / "flows" / "__init__.py", "")
    module = modules.load_file(write(tmp_path / "proj" / "flows" / "daily.py"))
    assert module.__name__ == "proj.flows.daily"
    assert modules.find_workflow(module, "pipeline").site.full_name == "proj.flows.daily.pipeline"
    assert modules.load_file(tmp_path / "proj" / "__init__.py").__name__ == "proj"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("missing.py", "there is no file"),
        ("flow.txt", "is no Python file"),
        ("folder.py", "is no Python file"),
        ("my-flow.py", "'my-flow' is no Python name"),
        ("json.py", "'json' is a module of Python"),
        ("elevon.py", "'elevon' is a module of Python or elevon"),
    ],
)
def test_a_path_that_can_be_no_module_is_refused(tmp_path: Path, name: str, words: str) -> None:
    if name == "folder.py":
        (tmp_path / name).mkdir()
    elif name != "missing.py":
        write(tmp_path / name)
    with pytest.raises(UserError, match=words):
        modules.load_file(tmp_path / name)


def test_a_file_that_another_module_hides_is_refused(tmp_path: Path) -> None:
    modules.load_file(write(tmp_path / "a" / "same_name.py"))
    with pytest.raises(UserError, match=r"b/same_name.py is hidden by .*a/same_name.py"):
        modules.load_file(write(tmp_path / "b" / "same_name.py"))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("import os\n1 / 0\n", "ZeroDivisionError: division by zero"),
        ("import nothing_of_that_name\n", "ModuleNotFoundError: No module named 'nothing_of_that_name'"),
        ("\nif:\n", "SyntaxError: "),
        ("pass\nraise SystemExit(1)\n", "SystemExit: 1"),
    ],
)
def test_a_file_that_fails_is_told_with_the_users_frames(tmp_path: Path, text: str, problem: str) -> None:
    path = write(tmp_path / "bad_flow.py", text)
    with pytest.raises(modules.ModuleImportError) as caught:
        modules.load_file(path)
    line = 1 if "nothing" in text else 2
    assert str(caught.value).startswith(f"{path} can't be imported: {problem}")
    mend = "; install its package, or have its folder in PYTHONPATH" if "nothing" in text else ""
    assert str(caught.value).endswith(f"({path}:{line}){mend}")
    assert str(caught.value).count("bad_flow.py") == 2
    assert problem in caught.value.traceback
    assert "importlib" not in caught.value.traceback


def test_a_wrong_definition_is_told_as_it_is(tmp_path: Path) -> None:
    path = write(tmp_path / "wrong_flow.py", "from elevon import task\n@task\ndef f(x): ...\n")
    with pytest.raises(
        UserError, match=r"task wrong_flow.f \(.*wrong_flow.py:2\): parameter 'x' has no annotation"
    ):
        modules.load_file(path)


def test_a_name_finds_a_workflow_or_a_task(tmp_path: Path) -> None:
    module = modules.load_file(write(tmp_path / "named_flow.py"))
    assert isinstance(modules.find_workflow(module, "pipeline"), Workflow)
    assert isinstance(modules.find_workflow(module, "nap"), Task)


def test_an_unknown_name_is_told_with_those_that_there_are(tmp_path: Path) -> None:
    module = modules.load_file(write(tmp_path / "known_flow.py"))
    with pytest.raises(UserError, match=r"no workflow or task 'pipelin': did you mean 'pipeline'"):
        modules.find_workflow(module, "pipelin")
    with pytest.raises(UserError, match="no workflow or task 'zzz': there are 'double', 'nap', 'pipeline'"):
        modules.find_workflow(module, "zzz")
    with pytest.raises(UserError, match=r"'LIMIT' in .* is neither a workflow nor a task"):
        modules.find_workflow(module, "LIMIT")


def project(root: Path, constant: str = "1") -> sources.SourceBundle:
    write(root / "pack_a" / "__init__.py", "")
    write(root / "pack_a" / "deep.py", f"VALUE = {constant}\n")
    write(root / "bundled_helper.py", "import pack_a.deep\n")
    write(root / "unused_module.py", "")
    write(root / "venv" / "pyvenv.cfg", "")
    write(root / "venv" / "lib" / "installed_one.py", "")
    write(root / "site-packages" / "installed_two.py", "")
    sys.path[:0] = [str(root), str(root / "venv" / "lib"), str(root / "site-packages")]
    imports = "import json, bundled_helper, installed_one, installed_two, msgspec"
    module = modules.load_file(write(root / "bundled_flow.py", FLOW.format(imports=imports)))
    return sources.collect_sources(module)


def test_the_users_loaded_modules_are_collected(tmp_path: Path) -> None:
    bundle = project(tmp_path)
    assert [module.name for module in bundle.modules] == [
        "bundled_flow",
        "bundled_helper",
        "pack_a",
        "pack_a.deep",
    ]
    assert (bundle.root, bundle.entry_module) == (str(tmp_path), "bundled_flow")
    package, deep = bundle.modules[2:]
    assert (package.path, package.is_package) == ("pack_a/__init__.py", True)
    assert (deep.path, deep.source, deep.is_package) == ("pack_a/deep.py", b"VALUE = 1\n", False)


def test_a_file_in_a_package_brings_its_packages(tmp_path: Path) -> None:
    write(tmp_path / "outer_pack" / "__init__.py", "")
    module = modules.load_file(write(tmp_path / "outer_pack" / "flow.py"))
    bundle = sources.collect_sources(module)
    assert bundle.root == str(tmp_path)
    assert [module.path for module in bundle.modules] == ["outer_pack/__init__.py", "outer_pack/flow.py"]


def forget() -> None:
    for name in ("bundled_flow", "bundled_helper", "pack_a", "pack_a.deep", "installed_one", "installed_two"):
        sys.modules.pop(name, None)


def test_the_digest_changes_with_the_code_and_not_with_the_place(tmp_path: Path) -> None:
    digests: list[str] = []
    for folder, constant in (("a", "1"), ("b", "1"), ("c", "2")):
        forget()
        digests.append(project(tmp_path / folder, constant).digest)
    assert digests[0] == digests[1] != digests[2]


def test_a_bundle_survives_its_bytes(tmp_path: Path) -> None:
    bundle = project(tmp_path)
    assert sources.decode(sources.encode(bundle)) == bundle
