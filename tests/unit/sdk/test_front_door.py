"""What `import elevon` gives, and what it must not load."""

import subprocess
import sys

import pytest

import elevon

HEAVY = (
    "apsw",
    "asyncio",
    "cyclopts",
    "grpc",
    "prometheus_client",
    "pydantic",
    "rich",
    "starlette",
    "structlog",
)


def loaded_after(statement: str) -> set[str]:
    program = f"import sys\n{statement}\nprint(*sys.modules)"
    return set(
        subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True
        ).stdout.split()
    )


def test_every_public_name_is_there() -> None:
    for name in elevon.__all__:
        assert getattr(elevon, name) is getattr(elevon, name)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'elevon' has no attribute 'tasks_'"):
        elevon.tasks_  # noqa: B018 # pyright: ignore[reportAttributeAccessIssue]


def test_the_sdk_loads_nothing_heavy() -> None:
    loaded = loaded_after("from elevon import *\nimport elevon.sdk.serialization, elevon.sdk.modules")
    assert "elevon.sdk.tasks" in loaded
    assert loaded.isdisjoint(HEAVY)


def test_the_package_alone_loads_no_room() -> None:
    assert not {
        name for name in loaded_after("import elevon") if name.startswith(("elevon.", "google", "flyteidl"))
    }
