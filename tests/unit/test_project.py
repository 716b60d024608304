"""The package and the project file agree, and the lock can be installed anywhere."""

import importlib.metadata
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import elevon

PROJECT = Path(__file__).parents[2]
LOCKS = sorted((PROJECT / "requirements").glob("*.lock"))
HEAVY = ("apsw", "cyclopts", "grpc", "prometheus_client", "pydantic", "rich", "starlette", "structlog")


def names_of(requirements: list[str]) -> set[str]:
    """The bare, normalised names of requirement lines."""
    names = (re.match(r"[A-Za-z0-9._-]+", line) for line in requirements)
    return {re.sub(r"[-_.]+", "-", name[0]).lower() for name in names if name}


def test_installed_version_is_the_one_the_package_states() -> None:
    assert importlib.metadata.version("elevon") == elevon.__version__


def test_changelog_tells_of_the_current_version() -> None:
    assert f"\n## {elevon.__version__}" in (PROJECT / "CHANGELOG.md").read_text()


def test_importing_elevon_loads_no_heavy_library() -> None:
    script = f"import elevon, sys; print(*sorted(set({HEAVY!r}) & set(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert loaded.stdout.split() == []


def test_everything_declared_is_locked() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())
    declared = names_of(
        [
            *project["project"]["dependencies"],
            *project["dependency-groups"]["dev"],
            *(line for extra in project["project"]["optional-dependencies"].values() for line in extra),
        ]
    )
    locked = names_of((PROJECT / "requirements" / "dev.lock").read_text().splitlines())
    assert declared - locked == set()


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_a_lock_holds_pins_and_markers_alone(lock: Path) -> None:
    pin = re.compile(r"[a-z0-9-]+(\[[a-z,]+\])?==[0-9][0-9a-z.]*( ; [^/]+)?")
    strange = [line for line in lock.read_text().splitlines() if not pin.fullmatch(line)]
    assert strange == []
