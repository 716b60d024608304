"""Pods as processes of this machine: they run, end and fail as Kubernetes would have it."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest

from elevon.primitives import files, locks
from elevon.records.resources import (
    DATA_DIR_ANNOTATION,
    MAIN_CONTAINER_ANNOTATION,
    ResourceKey,
    key_of,
    merged,
)
from elevon.workers.cluster import shelves
from elevon.workers.cluster.kinds import KINDS
from tests.integration.cluster.worlds import PATIENCE, POD, Cluster, spec_of, terminated

ONE = ResourceKey(POD, "team", "one")
WAIT = "while true; do sleep 0.02; done"


async def written(path: Path) -> str:
    """What a container has written to a file, once there is a line."""
    async with asyncio.timeout(PATIENCE.total_seconds()):
        while not (text := _read(path)).endswith("\n"):  # noqa: ASYNC110 - another process tells by it
            await asyncio.sleep(0.02)
    return text.strip()


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def keeper_of(folder: Path) -> psutil.Process:
    (found,) = [
        one
        for one in psutil.process_iter(["cmdline"])
        if (one.info["cmdline"] or [""])[-1] == str(folder)
        and "elevon.workers.cluster.keeper" in one.info["cmdline"]
    ]
    return found


def kill_with_reaper(keeper: psutil.Process) -> None:
    """Kill a keeper and all that it has started, so that nobody clears up after it."""
    processes = [keeper, *keeper.children(recursive=True)]
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):  # what a shell waits for ends by itself
                process.send_signal(number)


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


async def test_init_containers_come_first_one_after_another(cluster: Cluster) -> None:
    mounts = [{"name": "box", "mountPath": "/shared"}]
    spec = spec_of("cat /shared/x >/dev/termination-log", volumeMounts=mounts)
    spec["volumes"] = [{"name": "box", "emptyDir": {}}]
    spec["initContainers"] = [
        {"name": name, "command": ["sh", "-c", f"printf {name} >>/shared/x"], "volumeMounts": mounts}
        for name in ("first", "second")
    ]
    pod = await cluster.run(spec)
    assert pod["status"]["phase"] == "Succeeded"
    assert terminated(pod)["message"] == "firstsecond"


async def test_containers_run_side_by_side_and_the_pod_ends_with_the_last(cluster: Cluster) -> None:
    mounts = [{"name": "box", "mountPath": "/shared"}]
    spec = spec_of("until test -e /shared/x; do sleep 0.02; done", volumeMounts=mounts)
    spec["volumes"] = [{"name": "box", "emptyDir": {}}]
    spec["containers"].append({"name": "side", "command": ["touch", "/shared/x"], "volumeMounts": mounts})
    assert (await cluster.run(spec))["status"]["phase"] == "Succeeded"


def beside(script: str, main: str) -> dict[str, Any]:
    """A pod with an init container that goes on, and a volume for it and the main container."""
    mounts = [{"name": "box", "mountPath": "/shared"}]
    server = {
        "name": "server",
        "command": ["sh", "-c", script],
        "volumeMounts": mounts,
        "restartPolicy": "Always",
    }
    spec = spec_of(main, volumeMounts=mounts)
    return {**spec, "volumes": [{"name": "box", "emptyDir": {}}], "initContainers": [server]}


async def test_an_init_container_that_goes_on_is_ended_with_the_last_of_the_others(
    cluster: Cluster, tmp_path: Path
) -> None:
    script = f"echo $$$$ >{tmp_path}/server; echo up >/shared/x; {WAIT}"
    pod = await cluster.run(beside(script, "until test -s /shared/x; do sleep 0.02; done"))
    assert pod["status"]["phase"] == "Succeeded"
    assert terminated(pod, "server")["exitCode"] == 128 + signal.SIGTERM
    assert gone(int(await written(tmp_path / "server")))


async def test_one_that_ends_is_started_again(cluster: Cluster) -> None:
    main = "until test $(wc -l </shared/x) -ge 2; do sleep 0.02; done"
    pod = await cluster.run(beside("echo up >>/shared/x; exit 3", f"touch /shared/x; {main}"))
    assert pod["status"]["phase"] == "Succeeded"
    assert pod["status"]["initContainerStatuses"][0]["restartCount"] == 1


async def test_an_exit_code_is_told_with_what_was_left_to_say(cluster: Cluster) -> None:
    pod = await cluster.run(spec_of("echo no such table >/dev/termination-log; exit 3"))
    assert pod["status"]["phase"] == "Failed"
    end = terminated(pod)
    assert (end["exitCode"], end["reason"], end["message"]) == (3, "Error", "no such table\n")
    assert end["startedAt"] <= end["finishedAt"]


async def test_a_signal_is_told_as_shells_do(cluster: Cluster) -> None:
    assert terminated(await cluster.run(spec_of("kill -SEGV $$$$")))["exitCode"] == 128 + signal.SIGSEGV


@pytest.mark.parametrize("script", ["echo hello; echo sorry >&2; exit 1", "echo sorry; exit 1"])
async def test_the_end_of_the_output_stands_in_for_a_message(cluster: Cluster, script: str) -> None:
    spec = spec_of(script, terminationMessagePolicy="FallbackToLogsOnError")
    assert terminated(await cluster.run(spec))["message"] == "sorry"


async def test_a_failed_init_container_keeps_the_others_from_starting(cluster: Cluster) -> None:
    spec = spec_of("true")
    spec["initContainers"] = [{"name": "first", "command": ["false"]}]
    pod = await cluster.run(spec)
    assert pod["status"]["phase"] == "Failed"
    assert terminated(pod, "first")["exitCode"] == 1
    assert pod["status"]["containerStatuses"][0]["state"] == {"waiting": {"reason": "PodInitializing"}}


async def test_a_command_that_is_not_there_cannot_run(cluster: Cluster) -> None:
    spec = spec_of("true")
    spec["containers"][0]["command"] = ["no-such-program"]
    end = terminated(await cluster.run(spec))
    assert (end["exitCode"], end["reason"]) == (127, "ContainerCannotRun")
    assert end["message"] == "there is no command 'no-such-program' on this machine: install it"


async def test_too_much_memory_ends_a_container(cluster: Cluster) -> None:
    greedy = "x=$(head -c 80000000 /dev/zero | tr '\\0' x); " + WAIT
    pod = await cluster.run(spec_of(greedy, resources={"limits": {"memory": "32Mi"}}))
    end = terminated(pod)
    assert (end["exitCode"], end["reason"]) == (137, "OOMKilled")


async def test_a_pod_past_its_deadline_has_failed(cluster: Cluster) -> None:
    spec = spec_of(f"trap 'exit 0' TERM; {WAIT}")
    spec["activeDeadlineSeconds"] = 0.2
    pod = await cluster.run(spec)
    assert (pod["status"]["phase"], pod["status"]["reason"]) == ("Failed", "DeadlineExceeded")


async def test_the_output_is_where_the_attempts_is(cluster: Cluster, tmp_path: Path) -> None:
    await cluster.create(spec_of("echo out; echo err >&2"), **{DATA_DIR_ANNOTATION: str(tmp_path / "a")})
    await cluster.ended()
    assert (tmp_path / "a" / "stdout.log").read_text() == "out\n"
    assert (tmp_path / "a" / "stderr.log").read_text() == "err\n"


async def test_the_output_of_others_is_beside_that_of_the_main_container(
    cluster: Cluster, tmp_path: Path
) -> None:
    spec = spec_of("echo main")
    spec["containers"].append({"name": "side", "command": ["sh", "-c", "echo side; echo why >&2"]})
    annotations = {DATA_DIR_ANNOTATION: str(tmp_path / "a"), MAIN_CONTAINER_ANNOTATION: "main"}
    await cluster.create(spec, **annotations)
    await cluster.ended()
    assert (tmp_path / "a" / "stdout.log").read_text() == "main\n"
    assert (tmp_path / "a" / "containers" / "side" / "stdout.log").read_text() == "side\n"
    assert (tmp_path / "a" / "containers" / "side" / "stderr.log").read_text() == "why\n"


async def test_a_deleted_pod_may_end_by_itself(cluster: Cluster, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    await cluster.create(spec_of(f"trap 'echo bye >{mark}; exit 0' TERM; echo up >{mark}; {WAIT}"))
    assert await written(mark) == "up"
    await cluster.api.delete(ONE)
    await cluster.remove()
    assert mark.read_text() == "bye\n"


async def test_one_that_does_not_is_ended_and_all_that_it_started(cluster: Cluster, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    await cluster.create(spec_of(f"trap '' TERM; sleep 1000 & echo $! >{mark}; {WAIT}"))
    child = int(await written(mark))
    await cluster.api.delete(ONE, grace=timedelta(seconds=0.1))
    await cluster.remove()
    assert gone(child)


async def test_pods_beyond_the_limit_wait_their_turn(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path / "cluster", pod_limit=1)
    gate = tmp_path / "gate"
    await cluster.create(spec_of(f"until test -e {gate}; do sleep 0.02; done"), "first")
    await cluster.running("first")
    waiting = await cluster.create(spec_of("true"), "second")
    assert waiting["status"]["phase"] == "Pending"
    gate.touch()
    assert (await cluster.ended("second"))["status"]["phase"] == "Succeeded"
    await cluster.remove()


async def test_another_engine_follows_a_pod_that_runs(cluster: Cluster, tmp_path: Path) -> None:
    mark, gate = tmp_path / "mark", tmp_path / "gate"
    await cluster.create(spec_of(f"echo $$$$ >>{mark}; until test -e {gate}; do sleep 0.02; done"))
    await written(mark)
    await cluster.running()
    await cluster.api.close()
    other = Cluster(cluster.root)
    assert (await other.until(lambda one: True))["status"]["phase"] == "Running"
    gate.touch()
    assert (await other.ended())["status"]["phase"] == "Succeeded"
    assert len(mark.read_text().splitlines()) == 1
    await other.remove()


async def test_a_pod_that_was_made_and_not_begun_is_begun_by_another_engine(
    cluster: Cluster, tmp_path: Path
) -> None:
    idle = Cluster(cluster.root, pod_limit=0)
    await idle.create(spec_of("true"))
    await idle.api.close()
    assert (await cluster.ended())["status"]["phase"] == "Succeeded"


async def test_a_pod_that_was_left_to_be_begun_is_begun_though_it_is_only_asked_for(cluster: Cluster) -> None:
    idle = Cluster(cluster.root, pod_limit=0)
    key = key_of(await idle.create(spec_of("true")))
    await idle.api.close()
    async with asyncio.timeout(PATIENCE.total_seconds()):
        while True:
            found = await cluster.api.get(key)
            assert found is not None
            if found["status"]["phase"] == "Succeeded":
                break
            await asyncio.sleep(0.02)


async def test_two_engines_run_a_pod_once(cluster: Cluster, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    idle = Cluster(cluster.root, pod_limit=0)
    await idle.create(spec_of(f"echo ran >>{mark}"))
    other = Cluster(cluster.root)
    await asyncio.gather(cluster.ended(), other.ended())
    assert mark.read_text() == "ran\n"
    await idle.api.close()
    await other.api.close()


async def test_a_pod_that_is_to_go_goes_without_an_engine(cluster: Cluster, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    await cluster.create(spec_of(f"trap '' TERM; echo $$$$ >{mark}; {WAIT}"))
    container = int(await written(mark))
    await cluster.running()
    await cluster.api.close()
    wish = {"deletionTimestamp": "2026-01-01T00:00:00Z", "deletionGracePeriodSeconds": 0}
    shelves.Shelf(cluster.root).change(ONE, lambda found: merged(found, {"metadata": wish}))
    await until(lambda: not cluster.folder().exists())
    assert gone(container)


@pytest.mark.parametrize(
    ("kind", "api_version"), [("Notebook", "elevon.dev/v9"), ("SparkApplication", "sparkoperator.k8s.io/v9")]
)
async def test_what_a_newer_version_has_made_is_left_alone(
    cluster: Cluster, caplog: pytest.LogCaptureFixture, kind: str, api_version: str
) -> None:
    manifest = cluster.root / "resources" / kind / "team" / "one" / "resource.json"
    manifest.parent.mkdir(parents=True)
    content = json.dumps({"apiVersion": api_version, "kind": kind, "metadata": {"generation": 1}})
    manifest.write_text(content)
    assert (await cluster.run(spec_of("true")))["status"]["phase"] == "Succeeded"
    for other in KINDS.values():
        assert [key_of(one).name for one in await cluster.api.list(other, {})] == ["one"] * (other == POD)
    assert manifest.read_text() == content
    named = [record.getMessage() for record in caplog.records if repr(kind) in record.getMessage()]
    assert bool(named) == (kind not in KINDS)


async def test_a_pod_outlives_a_disk_that_cannot_be_read_for_a_while(
    cluster: Cluster, tmp_path: Path
) -> None:
    gate, manifest = tmp_path / "gate", cluster.folder() / "resource.json"
    await cluster.create(spec_of(f"until test -e {gate}; do sleep 0.02; done"))
    await cluster.running()
    content, loop = manifest.read_bytes(), tmp_path / "loop"
    loop.symlink_to(manifest)
    loop.replace(manifest)  # a link to itself, at once: a manifest that is not there is one that was removed
    log = cluster.folder() / "keeper.log"
    await until(lambda: "the pod can't be looked after now" in log.read_text())
    files.write(manifest, content)
    gate.touch()
    assert (await cluster.ended())["status"]["phase"] == "Succeeded"


async def test_what_was_said_too_late_of_a_former_pod_is_not_said_of_the_next(cluster: Cluster) -> None:
    cluster.folder().mkdir(parents=True)
    shelves.write_status(cluster.folder(), {"phase": "Failed", "containerStatuses": []})
    assert (await cluster.run(spec_of("true")))["status"]["phase"] == "Succeeded"


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE.total_seconds()):
        while not condition():  # noqa: ASYNC110 - another process tells by it
            await asyncio.sleep(0.02)


async def test_with_its_keeper_a_pod_is_lost_and_nothing_of_it_is_left(
    cluster: Cluster, tmp_path: Path
) -> None:
    mark = tmp_path / "mark"
    await cluster.create(spec_of(f"echo $$$$ >{mark}; {WAIT}"))
    container = int(await written(mark))
    await cluster.running()
    os.kill(keeper_of(cluster.folder()).pid, signal.SIGKILL)
    pod = await cluster.ended()
    assert (pod["status"]["phase"], pod["status"]["reason"]) == ("Failed", "NodeLost")
    assert terminated(pod)["exitCode"] == 137
    assert gone(container)
    assert not locks.is_held(cluster.folder() / "lock")


async def test_a_pod_that_cannot_be_begun_says_why(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho there is no Python here >&2; exit 1\n")
    broken.chmod(0o700)
    monkeypatch.setattr("sys.executable", str(broken))
    status = (await cluster.run(spec_of("true")))["status"]
    assert (status["phase"], status["reason"]) == ("Failed", "NodeLost")
    assert status["message"] == "the pod could not be begun: there is no Python here"


async def test_a_field_that_is_null_is_one_that_is_not_there(cluster: Cluster) -> None:
    pod = await cluster.run({**spec_of("true", env=None, resources=None), "initContainers": None})
    assert pod["status"]["phase"] == "Succeeded"


async def test_an_exit_code_is_told_to_who_was_started_with_the_end_of_children_ignored(
    cluster: Cluster,
) -> None:
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        pod = await cluster.run(spec_of("exit 3"))
        await cluster.remove()
    finally:
        signal.signal(signal.SIGCHLD, before)
    assert terminated(pod)["exitCode"] == 3


class Opened:
    """Which files this process opens; a hook can't be taken away, so it is switched."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.is_on = False
        sys.addaudithook(self._hear)

    def _hear(self, event: str, args: tuple[Any, ...]) -> None:
        if self.is_on and event == "open":
            self.paths.append(str(args[0]))


async def test_a_pod_that_waits_costs_the_next_one_nothing(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path / "cluster", pod_limit=0)
    for name in ("first", "second"):
        await cluster.create(spec_of("true"), name)
    opened = Opened()
    opened.is_on = True
    await cluster.create(spec_of("true"), "third")
    opened.is_on = False
    assert str(cluster.folder("third") / "resource.json") in opened.paths
    assert not [path for path in opened.paths if path.startswith(str(cluster.folder("first")))]
    await cluster.remove()


async def test_the_files_of_a_pod_are_removed_beside_the_loop(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    removing: list[threading.Thread] = []
    rmtree = shutil.rmtree

    def noted(path: Path, *, ignore_errors: bool) -> None:
        removing.append(threading.current_thread())
        rmtree(path, ignore_errors=ignore_errors)

    monkeypatch.setattr("shutil.rmtree", noted)
    await cluster.run(spec_of("true"))
    await until(lambda: not locks.is_held(cluster.folder() / "lock"))  # or its keeper would do it
    await cluster.remove()
    assert removing
    assert threading.main_thread() not in removing
    assert list((cluster.root / "gone").iterdir()) == []
