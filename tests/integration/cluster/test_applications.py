"""Spark applications as processes of this machine: what is kept of a driver, and what its end takes along.

Spark itself is tried in tests/integration/spark; here `spark-submit` is a script.
"""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from elevon.records.resources import Manifest, ResourceKey, ResourceKind
from tests.integration.cluster.test_pods import gone, keeper_of, until, written
from tests.integration.cluster.worlds import Cluster

APPLICATION = ResourceKind("sparkoperator.k8s.io/v1beta2", "SparkApplication")
ONE = ResourceKey(APPLICATION, "team", "one")
# A child in a group of its own, as PySpark has its workers.
SCATTERING = """
import os, subprocess, sys, time
child = subprocess.Popen(["sleep", "60"], preexec_fn=lambda: os.setpgid(0, 0))
print(child.pid, file=open(os.environ["MARK"], "w"), flush=True)
if os.environ["WAITS"]:
    child.wait()
"""
Submit = Callable[[str], None]


@pytest.fixture
def submit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Submit:
    """Says what `spark-submit` is."""
    programs = tmp_path / "spark" / "bin"
    programs.mkdir(parents=True)
    (programs / "java").touch()
    for variable in ("SPARK_HOME", "JAVA_HOME"):
        monkeypatch.setenv(variable, str(programs.parent))

    def write(script: str) -> None:
        program = programs / "spark-submit"
        program.write_text(f"#!{sys.executable}\n{script}")
        program.chmod(0o755)

    return write


async def create(cluster: Cluster, **env: str) -> None:
    driver = {"env": [{"name": name, "value": value} for name, value in env.items()]}
    await cluster.api.create(
        {
            "apiVersion": APPLICATION.api_version,
            "kind": APPLICATION.kind,
            "metadata": {"namespace": "team", "name": "one"},
            "spec": {"type": "Scala", "mainClass": "org.example.Main", "driver": driver},
        }
    )


async def state(cluster: Cluster, *wanted: str) -> dict[str, Any]:
    """The status once its state is one of those."""

    def is_it(one: Manifest) -> bool:
        return one["status"].get("applicationState", {}).get("state") in wanted

    return dict((await cluster.until(is_it, kind=APPLICATION))["status"])


async def test_what_a_driver_leaves_in_groups_of_their_own_ends_with_it(
    cluster: Cluster, submit: Submit, tmp_path: Path
) -> None:
    submit(SCATTERING)
    await create(cluster, MARK=str(tmp_path / "mark"), WAITS="")
    await state(cluster, "COMPLETED")
    assert gone(int(await written(tmp_path / "mark")))


async def test_deletion_takes_them_along_too(cluster: Cluster, submit: Submit, tmp_path: Path) -> None:
    submit(SCATTERING)
    await create(cluster, MARK=str(tmp_path / "mark"), WAITS="1")
    child = int(await written(tmp_path / "mark"))
    await cluster.api.delete(ONE)
    await until(lambda: gone(child))


async def test_with_its_keeper_an_application_is_lost_and_nothing_of_it_is_left(
    cluster: Cluster, submit: Submit, tmp_path: Path
) -> None:
    submit(SCATTERING)
    await create(cluster, MARK=str(tmp_path / "mark"), WAITS="1")
    child = int(await written(tmp_path / "mark"))
    await state(cluster, "RUNNING")
    os.kill(keeper_of(cluster.root / "resources" / APPLICATION.kind / "team" / "one").pid, signal.SIGKILL)
    status = await state(cluster, "FAILED")
    assert "driver pod failed with Reason: NodeLost" in status["applicationState"]["errorMessage"]
    assert gone(child)


async def test_the_last_words_of_a_driver_are_those_that_say_why(cluster: Cluster, submit: Submit) -> None:
    noise = "26/11/29 00:26:54 INFO SparkContext: Successfully stopped SparkContext\n\tat org.apache.X"
    submit(f"import sys\nsys.exit({'Error: no such table' + chr(10) + noise!r})")
    await create(cluster)
    status = await state(cluster, "FAILED")
    assert status["applicationState"]["errorMessage"] == (
        "driver container failed with ExitCode: 1, Reason: Error, Message: Error: no such table"
    )
