"""One pipeline, the same result whoever runs its queries."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.hive.grounds import Ground, toml_of

ROOT = Path(__file__).parents[3]
HIGHLANDS = [
    "ZA (Africa): 80 airports, 2384 ft, up to 5585 ft",
    "CD (Africa): 61 airports, 2055 ft, up to 5757 ft",
    "TR (Europe): 68 airports, 1814 ft, up to 6096 ft",
    "FR (Europe): 125 airports, 748 ft, up to 6588 ft",
    "DE (Europe): 90 airports, 536 ft, up to 2077 ft",
    "RU (Europe): 78 airports, 424 ft, up to 1673 ft",
    "GB (Europe): 104 airports, 165 ft, up to 681 ft",
]


@pytest.mark.timeout(180)  # a backend may have a JVM behind it
def test_the_example_gives_the_same_with_every_backend(ground: Ground, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "elevon.toml").write_text(toml_of(ground))
    words = ("run", "--home", str(home), "--execution-id", "same", "--output", "json")
    done = subprocess.run(
        [sys.executable, "-m", "elevon", *words, str(ROOT / "examples/queries.py"), "highlands"],
        env={**os.environ, **ground.environment},
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    document = json.loads(done.stdout)
    assert (document["phase"], document["outputs"]) == ("SUCCEEDED", {"o0": HIGHLANDS}), done.stderr
    begun = [name.partition(" ")[0] for name in ground.begun(home)]
    assert sorted(begun) == [f"same/n1/dn{number}" for number in range(5)]
    assert list(ground.running(home)) == []
