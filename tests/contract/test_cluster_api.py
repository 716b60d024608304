"""What every cluster does; one suite over all adapters."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from elevon import errors, ports
from elevon.primitives.clocks import SystemClock
from elevon.records.resources import Manifest, ResourceKey, ResourceKind, is_being_deleted, key_of, uid_of
from elevon.testing import FakeCluster
from elevon.workers.cluster.clusters import LocalCluster

POD = ResourceKind("v1", "Pod")
APPLICATION = ResourceKind("sparkoperator.k8s.io/v1beta2", "SparkApplication")
PATIENCE = timedelta(seconds=20)
LABELS = {"app": "story"}


@pytest.fixture(params=["fake", "local"])
async def cluster(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ports.ClusterApi]:
    if request.param == "fake":
        fake = FakeCluster(timedelta(seconds=0.2), message="done")
        fake.clock = SystemClock()
        yield fake
        return
    local = LocalCluster(tmp_path / "cluster", SystemClock(), 4)
    yield local
    keys = [key_of(one) for kind in (POD, APPLICATION) for one in await local.list(kind, {})]
    for key in keys:
        await local.delete(key, grace=timedelta(0))
        with contextlib.suppress(errors.NotFoundError):
            await local.patch(key, {"metadata": {"finalizers": None}})
    for key in keys:
        await gone(local, key)
    await local.close()


def pod(name: str = "one", *, finalizers: tuple[str, ...] = (), **metadata: Any) -> Manifest:
    container = {"name": "main", "command": ["sh", "-c", "printf done >/dev/termination-log"]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": "team",
            "labels": LABELS,
            "finalizers": list(finalizers),
            **metadata,
        },
        "spec": {"restartPolicy": "Never", "containers": [container]},
    }


def application(name: str = "one") -> Manifest:
    return {
        "apiVersion": APPLICATION.api_version,
        "kind": APPLICATION.kind,
        "metadata": {"name": name, "namespace": "team", "labels": LABELS},
        "spec": {
            "type": "Scala",
            "mainClass": "org.example.Main",
            "sparkConf": {"spark.ui.enabled": "false"},
        },
    }


@pytest.fixture
def _spark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Spark whose applications do nothing, well."""
    for name in ("spark-submit", "java"):
        program = tmp_path / "spark" / "bin" / name
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
    for variable in ("SPARK_HOME", "JAVA_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / "spark"))


def key(name: str = "one") -> ResourceKey:
    return ResourceKey(POD, "team", name)


async def seen(
    cluster: ports.ClusterApi,
    is_it: Callable[[Manifest], bool],
    labels: dict[str, str] = LABELS,
    kind: ResourceKind = POD,
) -> Manifest:
    """Watch until a resource is as wanted."""
    after = ""
    async with asyncio.timeout(PATIENCE.total_seconds()):
        while True:
            changes = await cluster.watch(kind, labels, after, PATIENCE)
            after = changes.cursor
            for resource in changes.present:
                if is_it(resource):
                    return resource


async def gone(cluster: ports.ClusterApi, wanted: ResourceKey) -> None:
    """Watch until there is no such resource."""
    after = ""
    async with asyncio.timeout(PATIENCE.total_seconds()):
        while await cluster.get(wanted) is not None:
            changes = await cluster.watch(POD, {}, after, timedelta(seconds=1))
            after = changes.cursor


async def test_what_is_created_is_found_as_it_was_made(cluster: ports.ClusterApi) -> None:
    made = await cluster.create(pod())
    assert uid_of(made)
    assert made["status"]["phase"] == "Pending"
    found = await cluster.get(key())
    assert found is not None
    assert (uid_of(found), found["spec"]) == (uid_of(made), pod()["spec"])
    assert await cluster.get(key("other")) is None


async def test_a_name_is_taken_once(cluster: ports.ClusterApi) -> None:
    first = await cluster.create(pod())
    with pytest.raises(errors.ConflictError, match="Pod team/one exists already"):
        await cluster.create(pod(labels={}))
    found = await cluster.get(key())
    assert found is not None
    assert uid_of(found) == uid_of(first)


async def test_resources_are_listed_by_their_labels(cluster: ports.ClusterApi) -> None:
    await cluster.create(pod("one"))
    await cluster.create(pod("two", labels={"app": "story", "role": "villain"}))
    assert {key_of(one).name for one in await cluster.list(POD, LABELS)} == {"one", "two"}
    assert [key_of(one).name for one in await cluster.list(POD, {"role": "villain"})] == ["two"]
    assert await cluster.list(POD, {"role": "hero"}) == []


async def test_a_pod_goes_its_way_to_its_end(cluster: ports.ClusterApi) -> None:
    await cluster.create(pod())
    ended = await seen(cluster, lambda one: one["status"]["phase"] == "Succeeded")
    (container,) = ended["status"]["containerStatuses"]
    terminated = container["state"]["terminated"]
    assert (terminated["exitCode"], terminated["reason"], terminated["message"]) == (0, "Completed", "done")


@pytest.mark.usefixtures("_spark")
async def test_a_spark_application_goes_its_way_to_its_end(cluster: ports.ClusterApi) -> None:
    await cluster.create(application())
    ended = await seen(
        cluster,
        lambda one: one["status"].get("applicationState", {}).get("state") == "COMPLETED",
        kind=APPLICATION,
    )
    assert ended["status"]["driverInfo"]["podName"] == "one-driver"
    assert "terminationTime" in ended["status"]


@pytest.mark.usefixtures("_spark")
async def test_resources_of_another_kind_may_have_the_same_name(cluster: ports.ClusterApi) -> None:
    made = [await cluster.create(pod()), await cluster.create(application())]
    for kind, one in zip((POD, APPLICATION), made, strict=True):
        assert [uid_of(found) for found in await cluster.list(kind, LABELS)] == [uid_of(one)]
        changes = await cluster.watch(kind, LABELS, "", PATIENCE)
        assert [uid_of(found) for found in changes.present] == [uid_of(one)]


async def test_a_patch_merges_removes_and_leaves_the_rest(cluster: ports.ClusterApi) -> None:
    await cluster.create(pod(annotations={"old": "1", "kept": "2"}))
    patch = {"metadata": {"annotations": {"new": "3", "old": None}}, "status": {"phase": "Failed"}}
    patched = await cluster.patch(key(), patch)
    assert patched["metadata"]["annotations"] == {"kept": "2", "new": "3"}
    assert patched["metadata"]["labels"] == LABELS
    assert patched["status"]["phase"] != "Failed"
    with pytest.raises(errors.NotFoundError, match="there is no Pod team/other"):
        await cluster.patch(key("other"), {})


async def test_a_patch_of_what_was_changed_meanwhile_is_refused(cluster: ports.ClusterApi) -> None:
    await cluster.create(pod())
    read = await seen(cluster, lambda one: one["status"]["phase"] == "Succeeded")
    version = {"resourceVersion": read["metadata"]["resourceVersion"]}
    await cluster.patch(key(), {"metadata": {**version, "annotations": {"by": "me"}}})
    with pytest.raises(errors.ConflictError, match="was changed since it was read"):
        await cluster.patch(key(), {"metadata": {**version, "annotations": {"by": "you"}}})


async def test_what_is_deleted_goes(cluster: ports.ClusterApi) -> None:
    await cluster.create(pod())
    await cluster.delete(key())
    await cluster.delete(key())
    await gone(cluster, key())
    await cluster.delete(key())


async def test_a_finalizer_holds_what_is_deleted_and_its_name(cluster: ports.ClusterApi) -> None:
    await cluster.create(pod(finalizers=("mine", "yours")))
    await cluster.delete(key(), grace=timedelta(0))
    await seen(cluster, is_being_deleted)
    with pytest.raises(errors.ConflictError):
        await cluster.create(pod())
    await cluster.patch(key(), {"metadata": {"finalizers": ["yours"]}})
    assert await cluster.get(key()) is not None
    await cluster.patch(key(), {"metadata": {"finalizers": []}})
    await gone(cluster, key())


async def test_only_the_one_that_is_meant_is_deleted(cluster: ports.ClusterApi) -> None:
    made = await cluster.create(pod())
    await cluster.delete(key(), uid="another")
    found = await cluster.get(key())
    assert found is not None
    assert not is_being_deleted(found)
    await cluster.delete(key(), uid=uid_of(made))
    await gone(cluster, key())


async def test_a_watch_begins_with_all_and_goes_on_with_what_is_new(cluster: ports.ClusterApi) -> None:
    await cluster.create(pod("one", finalizers=("mine",)))
    await seen(cluster, lambda one: one["status"]["phase"] == "Succeeded")
    first = await cluster.watch(POD, LABELS, "", PATIENCE)
    assert (first.is_whole, [key_of(one).name for one in first.present]) == (True, ["one"])
    await cluster.create(pod("other", labels={}))
    await cluster.create(pod("two"))
    second = await cluster.watch(POD, LABELS, first.cursor, PATIENCE)
    assert (second.is_whole, [key_of(one).name for one in second.present]) == (False, ["two"])


async def test_a_watch_tells_what_has_gone(cluster: ports.ClusterApi) -> None:
    made = await cluster.create(pod())
    after, told = "", []
    async with asyncio.timeout(PATIENCE.total_seconds()):
        while not told:
            changes = await cluster.watch(POD, LABELS, after, PATIENCE)
            after, told = changes.cursor, list(changes.gone)
            if any(one["status"]["phase"] == "Succeeded" for one in changes.present):
                await cluster.delete(key())
    assert [uid_of(one) for one in told] == [uid_of(made)]


async def test_a_watch_without_news_returns_after_its_patience(cluster: ports.ClusterApi) -> None:
    first = await cluster.watch(POD, LABELS, "", PATIENCE)
    second = await cluster.watch(POD, LABELS, first.cursor, timedelta(seconds=0.05))
    assert (second.present, second.gone) == ([], [])


async def test_a_watch_that_waits_is_woken(cluster: ports.ClusterApi) -> None:
    first = await cluster.watch(POD, LABELS, "", PATIENCE)
    waiting = asyncio.ensure_future(cluster.watch(POD, LABELS, first.cursor, PATIENCE))
    await cluster.create(pod())
    changes = await asyncio.wait_for(waiting, PATIENCE.total_seconds())
    assert [key_of(one) for one in changes.present] == [key()]
