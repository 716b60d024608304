import sys
from importlib import metadata

import pytest

from elevon import errors
from elevon.plugin import discovery

SOURCE = """
from elevon.plugin import Executor, LauncherExecutor

class Nap(LauncherExecutor[None]):
    id = "nap"
    task_types = ("nap",)

class Demanding(Nap):
    def __init__(self, service):
        self.service = service

class Opaque(Executor[None, complex]):
    id = "opaque"
    task_types = ("opaque",)
    start_task = check_task_status = kill_task = None

class Unnamed(LauncherExecutor[None]):
    task_types = ("unnamed",)

number = 3
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    (tmp_path / "my_naps.py").write_text(SOURCE)
    (tmp_path / "my_exits.py").write_text("raise SystemExit(3)")
    (tmp_path / "my_ruins.py").write_text("raise OSError('the licence server is down')")
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_an_executor_is_loaded_from_a_module_beside_the_caller(folder):
    assert discovery.load_executor("my_naps:Nap", folder).id == "nap"


def test_the_current_directory_is_importable(folder, monkeypatch):
    monkeypatch.chdir(folder)
    assert discovery.load_executor("my_naps:Nap").id == "nap"


@pytest.mark.parametrize(
    ("reference", "complaint"),
    [
        ("my_naps", "write MODULE:CLASS"),
        (":Nap", "write MODULE:CLASS"),
        ("my_napz:Nap", "importing my_napz raised ModuleNotFoundError: .*; install its package, or"),
        ("my_ruins:Nap", "importing my_ruins raised OSError: the licence server is down"),
        ("my_naps:Nape", "my_naps has no Nape: did you mean 'Nap'"),
        ("my_naps:number", "3 is no executor"),
        ("my_naps:Unnamed", "my_naps:Unnamed has no id"),
        ("my_naps:Demanding", "constructing my_naps:Demanding raised TypeError"),
    ],
)
def test_whatever_is_wrong_is_one_sentence(folder, reference, complaint):
    with pytest.raises(errors.UserError, match=complaint) as caught:
        discovery.load_executor(reference, folder)
    assert "\n" not in str(caught.value)


def test_installed_packages_offer_executors_and_a_broken_one_costs_only_its_own(folder, monkeypatch):
    monkeypatch.syspath_prepend(folder)
    offered = [
        metadata.EntryPoint(name, value, discovery.ENTRY_POINT_GROUP)
        for name, value in [
            ("exits", "my_exits:Nap"),
            ("gone", "my_naps:Gone"),
            ("nap", "my_naps:Nap"),
            ("opaque", "my_naps:Opaque"),
            ("ruins", "my_ruins:Nap"),
            ("unnamed", "my_naps:Unnamed"),
        ]
    ]
    found, problems = discovery.discover(offered)
    assert [one.id for one in found] == ["nap"]
    assert [problem.name for problem in problems] == ["exits", "gone", "opaque", "ruins", "unnamed"]
    assert [problem.sentence.split(":")[0] for problem in problems] == [
        "the entry point exits = my_exits",
        "the entry point gone = my_naps",
        "the entry point opaque = my_naps",
        "the entry point ruins = my_ruins",
        "the entry point unnamed = my_naps",
    ]
    assert "the licence server is down" in problems[3].sentence


def test_what_is_installed_here_can_be_looked_at():
    found, problems = discovery.discover()
    assert problems == []
    assert all(one.id for one in found)
