"""Secrets that pods name: containers find them, and they are nowhere else, whoever is killed."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from elevon import errors
from elevon.idl import messages
from elevon.primitives import locks
from elevon.primitives.redaction import MASK
from elevon.records.resources import DATA_DIR_ANNOTATION, MAIN_CONTAINER_ANNOTATION, Manifest, uid_of
from elevon.secrets import EnvironmentSecretStore, FileSecretStore, SecretChain
from elevon.workers.cluster import secrets, shelves
from tests.integration.cluster.test_pods import WAIT, keeper_of, kill_with_reaper, written
from tests.integration.cluster.worlds import PATIENCE, POD, Cluster, spec_of, terminated

PLANTED = "hunter2/grün+8675309"
LONG = "s3cr3t " * 20_000 + "end"
STORE = SecretChain(
    (
        EnvironmentSecretStore(
            variables={
                "_FSEC_DB_PASSWORD": PLANTED,
                "_FSEC_TLS_KEY": f"-----{PLANTED}-----",
                "_FSEC_BIG_ONE": LONG,
            }
        ),
        FileSecretStore("/no/such/folder"),
    )
)


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    made = Cluster(tmp_path / "cluster", store=STORE)
    yield made
    await made.remove()
    assert leaks_below(tmp_path) == []


def reference(name: str, key: str, **more: Any) -> dict[str, Any]:
    return {"valueFrom": {"secretKeyRef": {"name": name, "key": key, **more}}}


def given(script: str, **more: Any) -> dict[str, Any]:
    """A pod whose container has the password as a variable."""
    return spec_of(script, env=[{"name": "PGPASSWORD", **reference("db", "password")}], **more)


def leaks_below(folder: Path) -> list[str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [str(path) for path in files if PLANTED.encode() in path.read_bytes()]


def folder_of(pod: Manifest, cluster: Cluster) -> Path:
    return secrets.folder_of(uid_of(pod), cluster.folder())


async def vanished(path: Path) -> None:
    def is_there() -> bool:
        return path.exists()

    async with asyncio.timeout(PATIENCE.total_seconds()):
        while is_there():  # noqa: ASYNC110 - another process removes it
            await asyncio.sleep(0.02)


async def test_a_container_finds_a_secret_in_a_variable(cluster: Cluster, tmp_path: Path) -> None:
    script = f'test "$PGPASSWORD" = "{PLANTED}" && printf "$0" | wc -c >/dev/termination-log'
    spec = given(script)
    spec["containers"][0]["args"] = ["$(PGPASSWORD)"]
    pod = await cluster.run(spec)
    assert terminated(pod)["message"].strip() == str(len(PLANTED.encode()))


async def test_volumes_have_secrets_as_files_that_nobody_else_may_read(cluster: Cluster) -> None:
    volumes = [
        {"name": "one", "secret": {"secretName": "db", "items": [{"key": "password", "path": "in/pass"}]}},
        {
            "name": "all",
            "projected": {
                "defaultMode": 0o400,
                "sources": [
                    {"secret": {"name": "tls", "items": [{"key": "key", "path": "tls/key", "mode": 0o440}]}},
                    {"secret": {"name": "db", "items": [{"key": "password", "path": "db/password"}]}},
                ],
            },
        },
    ]
    mounts = [{"name": "one", "mountPath": "/one"}, {"name": "all", "mountPath": "/etc/secrets"}]
    mounts.append({"name": "one", "mountPath": "/alone", "subPath": "in/pass"})
    script = (
        f'test "$(cat /one/in/pass)" = "{PLANTED}" && test "$(cat /alone)" = "{PLANTED}"'
        ' && test "$(cat $DIR/tls/key | wc -c)" -gt 10'
        " && stat -c %a /one/in/pass /etc/secrets/tls/key /etc/secrets/db/password | xargs >/dev/termination-log"
    )
    env = [{"name": "DIR", "value": "/etc/secrets"}]
    pod = await cluster.run({**spec_of(script, volumeMounts=mounts, env=env), "volumes": volumes})
    assert terminated(pod)["message"].strip() == "600 440 400"
    assert not folder_of(pod, cluster).exists()


async def test_a_secret_that_is_longer_than_a_pipe_holds_arrives(cluster: Cluster) -> None:
    volume = {"name": "v", "secret": {"secretName": "big", "items": [{"key": "one", "path": "x"}]}}
    script = "wc -c </v/x >/dev/termination-log"
    mounts = [{"name": "v", "mountPath": "/v"}]
    pod = await cluster.run({**spec_of(script, volumeMounts=mounts), "volumes": [volume]})
    assert terminated(pod)["message"].strip() == str(len(LONG))


async def test_an_optional_secret_that_there_is_not_is_left_out(cluster: Cluster) -> None:
    volume = {
        "name": "v",
        "secret": {"secretName": "db", "optional": True, "items": [{"key": "x", "path": "x"}]},
    }
    env = [{"name": "A", **reference("db", "nothing", optional=True)}]
    mounts = [{"name": "v", "mountPath": "/v"}]
    script = "ls /v; echo ${A-unset} >/dev/termination-log"
    pod = await cluster.run({**spec_of(script, env=env, volumeMounts=mounts), "volumes": [volume]})
    assert terminated(pod)["message"] == "unset\n"


@pytest.mark.parametrize("place", ["variable", "volume"])
async def test_a_container_without_its_secret_waits_and_says_what_mends_it(
    cluster: Cluster, place: str
) -> None:
    spec = spec_of("true")
    if place == "variable":
        spec["containers"][0]["env"] = [{"name": "A", **reference("db", "pasword")}]
    else:
        spec["volumes"] = [
            {"name": "v", "secret": {"secretName": "db", "items": [{"key": "pasword", "path": "x"}]}}
        ]
    await cluster.create(spec)

    def waits(pod: Manifest) -> bool:
        (status,) = pod["status"].get("containerStatuses", ({"state": {}},))
        return "reason" in status["state"].get("waiting", {}) and "message" in status["state"]["waiting"]

    pod = await cluster.until(waits)
    assert pod["status"]["phase"] == "Pending"
    assert pod["status"]["containerStatuses"][0]["state"]["waiting"] == {
        "reason": "CreateContainerConfigError",
        "message": "there is no secret 'pasword' of the group 'db': set the variable _FSEC_DB_PASWORD, or write the "
        "file /no/such/folder/db/pasword",
    }


async def test_a_pod_whose_secrets_cannot_be_read_now_may_be_tried_again(tmp_path: Path) -> None:
    class Down:
        async def get(self, group: str, key: str, version: str = "") -> str:
            raise errors.UnavailableError("the vault is sealed")

    cluster = Cluster(tmp_path / "cluster", store=Down())
    pod = await cluster.run(given("true"))
    assert pod["status"]["reason"] == "NodeLost"
    assert pod["status"]["message"] == "the pod could not be begun: the vault is sealed"
    await cluster.remove()


async def test_what_containers_write_is_seen_once_they_have_ended_and_masked(
    cluster: Cluster, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    spec = given(
        f'echo "it is $PGPASSWORD"; echo up >{tmp_path}/up; while test -e {tmp_path}/up; do sleep 0.02; done'
    )
    side = {
        "name": "side",
        "command": ["sh", "-c", 'echo "$PGPASSWORD" >&2'],
        "env": spec["containers"][0]["env"],
    }
    spec["containers"].append(side)
    await cluster.create(spec, **{DATA_DIR_ANNOTATION: str(data), MAIN_CONTAINER_ANNOTATION: "main"})
    await written(tmp_path / "up")
    assert not (data / "stdout.log").exists()
    (tmp_path / "up").unlink()
    await cluster.ended()
    assert (data / "stdout.log").read_text() == f"it is {MASK}\n"
    assert (data / "containers" / "side" / "stderr.log").read_text() == f"{MASK}\n"


async def test_the_output_of_the_main_container_is_seen_while_others_go_on(
    cluster: Cluster, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    spec = given('echo "it is $PGPASSWORD"')
    spec["containers"].append({"name": "side", "command": ["sh", "-c", WAIT]})
    await cluster.create(spec, **{DATA_DIR_ANNOTATION: str(data), MAIN_CONTAINER_ANNOTATION: "main"})

    def has_ended(pod: Manifest) -> bool:
        return "terminated" in pod["status"].get("containerStatuses", ({"state": {}},))[0]["state"]

    await cluster.until(has_ended)
    assert (data / "stdout.log").read_text() == f"it is {MASK}\n"


@pytest.mark.parametrize("policy", ["File", "FallbackToLogsOnError"])
async def test_what_a_failed_container_says_is_masked(cluster: Cluster, policy: str) -> None:
    # So long that the value stands across the beginning of the last lines that are told.
    target = "/dev/termination-log" if policy == "File" else "/dev/stderr"
    spec = given(f'printf "%s" "$PGPASSWORD" >{target}; printf "%1990s" x >>{target}; exit 3')
    spec["containers"][0]["terminationMessagePolicy"] = policy
    message = terminated(await cluster.run(spec))["message"]
    assert not any(PLANTED[start:] in message for start in range(1, len(PLANTED) - 3))
    assert message.endswith("x")


async def test_the_error_that_code_of_the_user_leaves_is_masked(cluster: Cluster, tmp_path: Path) -> None:
    data = tmp_path / "data"
    error = messages.ContainerError(code="USER:Refused", message=f"no login by {PLANTED}")
    made = messages.ErrorDocument(error=error).SerializeToString()
    (tmp_path / "made.py").write_text(
        f"open({str(data / 'error.pb')!r}, 'wb').write(bytes.fromhex({made.hex()!r}))"
    )
    await cluster.create(given(f"python3 {tmp_path}/made.py"), **{DATA_DIR_ANNOTATION: str(data)})
    await cluster.ended()
    assert (
        messages.ErrorDocument.FromString((data / "error.pb").read_bytes()).error.message
        == f"no login by {MASK}"
    )


LINGERING = {
    "volumes": [{"name": "v", "secret": {"secretName": "db", "items": [{"key": "password", "path": "x"}]}}]
}


async def lingering(cluster: Cluster, tmp_path: Path) -> Manifest:
    """A pod that has secrets everywhere, and has begun."""
    script = f'echo "$PGPASSWORD"; cat /v/x; echo up >{tmp_path}/up; {WAIT}'
    mounts = [{"name": "v", "mountPath": "/v"}]
    spec = {**given(script, volumeMounts=mounts), **LINGERING}
    pod = await cluster.create(spec, **{DATA_DIR_ANNOTATION: str(tmp_path / "data")})
    await written(tmp_path / "up")
    return pod


async def test_a_value_is_in_no_command_line_and_in_nothing_that_is_durable(
    cluster: Cluster, tmp_path: Path
) -> None:
    pod = await lingering(cluster, tmp_path)
    keeper = keeper_of(cluster.folder())
    for process in (keeper, *keeper.children(recursive=True)):
        assert PLANTED not in " ".join(process.cmdline())
    assert PLANTED not in str(keeper.environ())
    assert leaks_below(cluster.folder()) == leaks_below(cluster.folder() / "scratch")
    assert PLANTED not in json.dumps(await cluster.api.list(POD, {}))
    assert folder_of(pod, cluster).stat().st_mode & 0o777 == 0o700


async def test_a_killed_keeper_leaves_no_secret(cluster: Cluster, tmp_path: Path) -> None:
    pod = await lingering(cluster, tmp_path)
    folder = folder_of(pod, cluster)
    assert folder.exists()
    keeper_of(cluster.folder()).kill()
    await vanished(folder)
    await cluster.ended()
    assert leaks_below(tmp_path) == []


async def test_what_a_killed_keeper_and_its_reaper_have_left_is_removed_by_the_next_engine(
    cluster: Cluster, tmp_path: Path
) -> None:
    pod = await lingering(cluster, tmp_path)
    await cluster.api.close()
    keeper = keeper_of(cluster.folder())
    (tmp_path / "data" / "error.pb").write_bytes(PLANTED.encode())
    kill_with_reaper(keeper)
    assert locks.wait_free(cluster.folder() / shelves.LOCK, PATIENCE.total_seconds())
    assert folder_of(pod, cluster).exists()
    next_one = Cluster(cluster.root, store=STORE)
    await next_one.ended()
    assert not folder_of(pod, cluster).exists()
    assert leaks_below(tmp_path) == []
    await next_one.remove()


async def test_a_keeper_that_gets_a_part_of_its_secrets_begins_nothing(
    cluster: Cluster, tmp_path: Path
) -> None:
    reading, writing = os.pipe()
    os.write(writing, b'{"values": {"db": {"pass')
    os.close(writing)
    assert secrets.receive(reading) is None
    os.close(reading)
