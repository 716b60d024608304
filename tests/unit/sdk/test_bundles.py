"""Bundled modules are imported as if their files still were what they were."""

import importlib
import importlib.resources
import inspect
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest

from elevon.sdk import sources
from elevon.sdk.bundles import BundleFinder


def bundle(root: Path, **texts: str) -> sources.SourceBundle:
    """Modules by dotted name; one that ends in `.__init__` is a package."""
    modules = [
        sources.ModuleSource(
            name.removesuffix(".__init__"),
            f"{name.replace('.', '/')}.py",
            text.encode(),
            is_package=name.endswith(".__init__"),
        )
        for name, text in texts.items()
    ]
    return sources.SourceBundle(str(root), "entry", tuple(sorted(modules, key=lambda module: module.name)))


@pytest.fixture
def finder(monkeypatch: pytest.MonkeyPatch) -> Iterator[BundleFinder]:
    finder = BundleFinder()
    before = set(sys.modules)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "meta_path", [finder, *sys.meta_path])
    yield finder
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_a_module_has_its_original_path_and_its_bundled_source(finder: BundleFinder, tmp_path: Path) -> None:
    finder.add(bundle(tmp_path, demo_a="def double(x):\n    return 2 * x\n"))
    module = importlib.import_module("demo_a")
    assert module.__file__ == str(tmp_path / "demo_a.py")
    assert module.double.__code__.co_filename == str(tmp_path / "demo_a.py")
    assert inspect.getsource(module.double) == "def double(x):\n    return 2 * x\n"


def test_a_traceback_shows_bundled_lines_also_when_the_file_has_changed(
    finder: BundleFinder, tmp_path: Path
) -> None:
    (tmp_path / "demo_b.py").write_text("# another\n# text\n")
    finder.add(bundle(tmp_path, demo_b="def fail():\n    raise ValueError('bundled')\n"))
    with pytest.raises(ValueError, match="bundled") as caught:
        importlib.import_module("demo_b").fail()
    assert "raise ValueError('bundled')" in "".join(traceback.format_exception(caught.value))


def test_a_package_finds_its_modules_and_its_data(finder: BundleFinder, tmp_path: Path) -> None:
    texts = {"demo_c.__init__": "from demo_c.inner import WORD", "demo_c.inner": "WORD = 'inner'"}
    finder.add(bundle(tmp_path, **texts))
    (tmp_path / "demo_c").mkdir()
    (tmp_path / "demo_c" / "data.txt").write_text("data")
    (tmp_path / "demo_c" / "late.py").write_text("WORD = 'late'")
    assert importlib.import_module("demo_c").WORD == "inner"
    assert importlib.import_module("demo_c.late").WORD == "late"
    assert importlib.resources.files("demo_c").joinpath("data.txt").read_text() == "data"


def test_a_folder_without_an_init_file_is_a_package_too(finder: BundleFinder, tmp_path: Path) -> None:
    finder.add(bundle(tmp_path, **{"demo_d.deep.module": "WORD = 'deep'"}))
    (tmp_path / "demo_d" / "deep").mkdir(parents=True)
    (tmp_path / "demo_d" / "deep" / "late.py").write_text("WORD = 'late'")
    assert importlib.import_module("demo_d.deep.module").WORD == "deep"
    assert importlib.import_module("demo_d.deep.late").WORD == "late"


def test_a_second_bundle_adds_to_the_first(finder: BundleFinder, tmp_path: Path) -> None:
    finder.add(bundle(tmp_path, demo_e="WORD = 'first'"))
    loaded = importlib.import_module("demo_e")
    finder.add(bundle(tmp_path, demo_e="WORD = 'first'", demo_f="from demo_e import WORD"))
    assert importlib.import_module("demo_f").WORD == "first"
    assert importlib.import_module("demo_e") is loaded


def test_what_is_not_bundled_comes_last_from_the_root(finder: BundleFinder, tmp_path: Path) -> None:
    (tmp_path / "demo_g.py").write_text("WORD = 'disk'")
    (tmp_path / "json.py").write_text("raise AssertionError('hides the standard library')")
    finder.add(bundle(tmp_path, entry=""))
    assert importlib.import_module("demo_g").WORD == "disk"
    assert sys.path[-1] == str(tmp_path)


def test_a_syntax_error_names_the_original_file(finder: BundleFinder, tmp_path: Path) -> None:
    finder.add(bundle(tmp_path, demo_h="def broken(:\n"))
    with pytest.raises(SyntaxError) as caught:
        importlib.import_module("demo_h")
    assert caught.value.filename == str(tmp_path / "demo_h.py")


def test_a_module_with_another_encoding_is_read_by_its_own_declaration(
    finder: BundleFinder, tmp_path: Path
) -> None:
    source = "# -*- coding: latin-1 -*-\nWORD = 'ü'\n".encode("latin-1")
    module = sources.ModuleSource("demo_i", "demo_i.py", source, is_package=False)
    finder.add(sources.SourceBundle(str(tmp_path), "demo_i", (module,)))
    assert importlib.import_module("demo_i").WORD == "ü"
