"""Temporary files of a container go with it, however it, its keeper and the engine ended."""

import tempfile
from pathlib import Path

import pytest

from elevon.records.resources import ResourceKey
from tests.integration.cluster.test_pods import WAIT, keeper_of, kill_with_reaper, written
from tests.integration.cluster.worlds import POD, Cluster, spec_of, terminated


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where keepers have their temporary files."""
    place = tmp_path / "t"
    place.mkdir()
    monkeypatch.setenv("TMPDIR", str(place))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return place


def left_in(place: Path) -> list[Path]:
    return list(place.iterdir())


async def lingering(cluster: Cluster, tmp_path: Path) -> None:
    """A pod that has made temporary files and goes on."""
    await cluster.create(spec_of(f"mktemp; mktemp -d >{tmp_path}/made; {WAIT}"))
    await written(tmp_path / "made")
    await cluster.running()


async def test_each_container_has_a_folder_of_its_own(cluster: Cluster, place: Path) -> None:
    spec = spec_of("mktemp; cd $TMPDIR/..; ls >/dev/termination-log; ls */* | wc -l >>/dev/termination-log")
    spec["initContainers"] = [{"name": "first", "command": ["sh", "-c", "mktemp; test -d $TMPDIR"]}]
    said = terminated(await cluster.run(spec))["message"]
    assert said == "2\n1\n"
    await cluster.remove()
    assert left_in(place) == []


async def test_a_manifest_that_names_a_place_is_obeyed(cluster: Cluster, tmp_path: Path) -> None:
    script = "echo $TMPDIR >/dev/termination-log"
    spec = spec_of(script, env=[{"name": "TMPDIR", "value": str(tmp_path)}])
    assert terminated(await cluster.run(spec))["message"] == f"{tmp_path}\n"


async def test_those_of_a_deleted_pod_go(cluster: Cluster, tmp_path: Path, place: Path) -> None:
    await lingering(cluster, tmp_path)
    await cluster.remove()
    assert left_in(place) == []


@pytest.mark.parametrize("is_reaper_killed", [False, True])
async def test_those_of_a_killed_keeper_go(
    cluster: Cluster, tmp_path: Path, place: Path, is_reaper_killed: bool
) -> None:
    await lingering(cluster, tmp_path)
    keeper = keeper_of(cluster.folder())
    if is_reaper_killed:
        kill_with_reaper(keeper)
    else:
        keeper.kill()
    assert (await cluster.ended())["status"]["reason"] == "NodeLost"
    assert left_in(place) == []


async def test_those_of_a_pod_that_goes_while_no_engine_lives_go_with_the_next(
    cluster: Cluster, tmp_path: Path, place: Path
) -> None:
    await lingering(cluster, tmp_path)
    await cluster.api.close()
    kill_with_reaper(keeper_of(cluster.folder()))
    assert left_in(place) != []
    next_one = Cluster(cluster.root)
    await next_one.api.delete(ResourceKey(POD, "team", "one"))
    await next_one.remove()
    assert left_in(place) == []
