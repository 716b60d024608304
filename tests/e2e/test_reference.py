"""The reference of what authors of task types import is generated from docstrings, all of it, without a warning."""

import inspect
import subprocess
import sys
from pathlib import Path

from elevon import errors, plugin, testing


def test_the_reference_covers_every_public_name_without_a_warning(tmp_path: Path) -> None:
    modules = ["elevon.plugin", "elevon.testing", "elevon.errors"]
    command = [sys.executable, "-m", "pdoc", "--docformat", "google", "--no-show-source"]
    done = subprocess.run(
        [*command, "--output-directory", str(tmp_path), *modules], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    for module in (plugin, testing):
        page = (tmp_path / f"{module.__name__.replace('.', '/')}.html").read_text(encoding="utf-8")
        assert [name for name in module.__all__ if f'id="{name}"' not in page] == []


def test_every_public_name_says_what_it_is() -> None:
    public = [getattr(module, name) for module in (plugin, testing) for name in module.__all__]
    public += [value for value in vars(errors).values() if isinstance(value, type)]
    documented = [one for one in public if isinstance(one, type) or inspect.isfunction(one)]
    assert [one.__name__ for one in documented if not one.__doc__] == []
