"""Daemons, which have left group and session and forgotten all: they end with their pod, however that ends."""

import signal
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest

from elevon.primitives import locks
from tests.integration.cluster.test_pods import ONE, WAIT, beside, gone, keeper_of, until, written
from tests.integration.cluster.worlds import Cluster, spec_of, terminated

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="other systems neither adopt processes nor mark them"
)
GREEDY = "x=$(head -c 80000000 /dev/zero | tr '\\0' x)"
DEADLINES_S = (0.3, 1.0, 4.0, 16.0)


def daemon(mark: Path) -> str:
    """Starts a stubborn daemon without any environment, and returns once it has told of itself in `mark`."""
    told = f"until test -s {mark}; do sleep 0.02; done"
    return f"setsid -f env -i sh -c 'trap \"\" TERM; echo $$$$ >{mark}; {WAIT}'; {told}"


def in_an_init_container(script: str) -> dict[str, Any]:
    return {**spec_of("true"), "initContainers": [{"name": "first", "command": ["sh", "-c", script]}]}


def with_little_memory(script: str) -> dict[str, Any]:
    return spec_of(f"{script}; {GREEDY}", resources={"limits": {"memory": "32Mi"}})


def in_a_sidecar(script: str) -> dict[str, Any]:
    return beside(f"{script}; echo up >/shared/x; {WAIT}", "until test -s /shared/x; do sleep 0.02; done")


@pytest.mark.parametrize(
    ("pod_of", "reason"),
    [
        (spec_of, "Completed"),
        (lambda script: spec_of(f"{script}; exit 3"), "Error"),
        (with_little_memory, "OOMKilled"),
        (in_an_init_container, "Completed"),
        (in_a_sidecar, "Completed"),
    ],
)
async def test_they_end_before_their_pod_is_said_to_have_ended(
    cluster: Cluster, tmp_path: Path, pod_of: Callable[[str], dict[str, Any]], reason: str
) -> None:
    pod = await cluster.run(pod_of(daemon(tmp_path / "mark")))
    assert terminated(pod)["reason"] == reason
    assert gone(int(await written(tmp_path / "mark")))
    folder = str(cluster.folder())
    assert [one for one in psutil.process_iter(["cwd"]) if (one.info["cwd"] or "").startswith(folder)] == []


async def test_they_end_with_a_pod_past_its_deadline(cluster: Cluster, tmp_path: Path) -> None:
    for deadline_s in DEADLINES_S:  # until one is late enough for the daemon to have begun
        mark = tmp_path / f"{deadline_s}"
        spec = {**spec_of(f"{daemon(mark)}; {WAIT}"), "activeDeadlineSeconds": deadline_s}
        await cluster.create(spec, mark.name)
        assert (await cluster.ended(mark.name))["status"]["reason"] == "DeadlineExceeded"
        if mark.exists():
            assert gone(int(await written(mark)))
            return
    pytest.fail("no daemon had begun before the deadline")


async def test_they_end_with_a_pod_that_is_deleted(cluster: Cluster, tmp_path: Path) -> None:
    await cluster.create(spec_of(f"{daemon(tmp_path / 'mark')}; {WAIT}"))
    left = int(await written(tmp_path / "mark"))
    await cluster.api.delete(ONE, grace=timedelta(0))
    await cluster.remove()
    assert gone(left)


async def test_one_that_has_ended_by_itself_leaves_no_zombie(cluster: Cluster, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    await cluster.create(spec_of(f"setsid -f sh -c 'echo $$$$ >{mark}'; {WAIT}"))
    left = int(await written(mark))
    await until(lambda: not psutil.pid_exists(left))


def reaper_of(keeper: psutil.Process) -> psutil.Process:
    (found,) = [
        one
        for one in psutil.process_iter(["cmdline", "ppid"])
        if one.info["ppid"] == keeper.pid
        and any(word.endswith("reaper.py") for word in one.info["cmdline"] or ())
    ]
    return found


def kill_at_once(*processes: psutil.Process) -> None:
    """Kill those of which each would act on the end of another."""
    for process in processes:
        process.send_signal(signal.SIGSTOP)
    for process in processes:
        process.kill()


@pytest.mark.parametrize("with_reaper", [False, True])
@pytest.mark.parametrize("has_engine", [True, False])
async def test_with_its_keeper_a_pod_is_lost_once_nothing_of_it_is_left(
    cluster: Cluster, tmp_path: Path, with_reaper: bool, has_engine: bool
) -> None:
    marks = [tmp_path / name for name in ("container", "child", "daemon")]
    script = f"echo $$$$ >{marks[0]}; sh -c 'trap \"\" TERM; {WAIT}' & echo $! >{marks[1]}"
    await cluster.create(spec_of(f"{script}; {daemon(marks[2])}; wait"))
    processes = [int(await written(mark)) for mark in reversed(marks)]
    await cluster.running()
    if not has_engine:
        await cluster.api.close()
    keeper = keeper_of(cluster.folder())
    kill_at_once(keeper, *([reaper_of(keeper)] if with_reaper else []))
    if not (with_reaper or has_engine):
        await until(lambda: not locks.is_held(cluster.folder() / "lock"))
        assert [gone(process) for process in processes] == [True] * 3
    after = cluster if has_engine else Cluster(cluster.root)
    pod = await after.ended()
    assert [gone(process) for process in processes] == [True] * 3
    assert (pod["status"]["phase"], pod["status"]["reason"]) == ("Failed", "NodeLost")
    assert terminated(pod)["exitCode"] == 137
    await after.remove()
    assert not cluster.folder().exists()


async def test_the_pods_of_others_go_on(cluster: Cluster, tmp_path: Path) -> None:
    other = Cluster(tmp_path / "other")
    gate = tmp_path / "gate"
    await other.create(spec_of(f"{daemon(tmp_path / 'theirs')}; until test -e {gate}; do sleep 0.02; done"))
    await cluster.create(spec_of(f"{daemon(tmp_path / 'ours')}; {WAIT}"))
    theirs, ours = [int(await written(tmp_path / name)) for name in ("theirs", "ours")]
    await cluster.running()
    keeper = keeper_of(cluster.folder())
    kill_at_once(keeper, reaper_of(keeper))
    await cluster.ended()
    assert (gone(ours), gone(theirs)) == (True, False)
    gate.touch()
    assert (await other.ended())["status"]["phase"] == "Succeeded"
    assert gone(theirs)
    await other.remove()
