"""Secrets of tasks in pods and in Spark's drivers: their code finds them, and nobody finds them anywhere else."""

import json
import shutil
from pathlib import Path

import psutil
import pytest

from elevon.primitives import locks
from tests.e2e.conftest import WAIT_S, Shell
from tests.e2e.servers import Server, end
from tests.e2e.test_secrets import PLANTED, leaks_below, leaks_in

WORKFLOWS = """
import os, time
from pathlib import Path

from elevon import Secret, current_context, task, workflow
from elevon.tasktypes.sidecar.task import sidecar_task
from elevon.tasktypes.spark.task import spark_task

PASSWORD = Secret("db", "password", env_var="PGPASSWORD")
FILE = Secret("db", "password", mount_requirement=Secret.MountType.FILE, env_var="PASSWORD_FILE")
BOTH = [PASSWORD, FILE]
TOLD = Path(__file__).with_name("lingering")

# A companion that names the secret in its own spec, as the template of a pod does on Kubernetes.
COMPANION = {
    "name": "proxy",
    "image": "busybox:1.37",
    "command": ["sh", "-c", 'echo "proxy by $TOKEN"; cat /keys/token >&2; while true; do sleep 0.1; done'],
    "env": [{"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}}],
    "volumeMounts": [{"name": "keys", "mountPath": "/keys"}],
}
POD = {
    "volumes": [{"name": "keys", "secret": {"secretName": "db", "items": [{"key": "password", "path": "token"}]}}],
    "containers": [{"name": "primary"}, COMPANION],
}
ALONE = {"containers": [{"name": "primary"}]}


def found() -> int:
    secret = current_context().secrets.get("db", "password")
    print("it is", secret, flush=True)
    os.system('echo "$PGPASSWORD" >&2')
    places = {secret, os.environ["PGPASSWORD"], os.environ["_FSEC_DB_PASSWORD"]}
    places.add(Path(os.environ["PASSWORD_FILE"]).read_text())
    places.add(Path(os.environ["FLYTE_SECRETS_DEFAULT_DIR"], "db", "password").read_text())
    assert len(places) == 1 and os.environ["FLYTE_SECRETS_ENV_PREFIX"] == "_FSEC_"
    return len(secret)


@sidecar_task(pod_spec=POD, secret_requests=BOTH)
def finds() -> int:
    return found()


@sidecar_task(pod_spec=ALONE, secret_requests=BOTH)
def breaks() -> int:
    raise ValueError(f"no login by {os.environ['PGPASSWORD']!r}")


@sidecar_task(pod_spec=ALONE, secret_requests=BOTH)
def exits() -> int:
    print("refused:", os.environ["PGPASSWORD"], flush=True)
    os._exit(3)


@sidecar_task(pod_spec=POD, secret_requests=BOTH)
def lingers() -> int:
    found()
    TOLD.write_text("here")
    while not TOLD.with_name("enough").exists():
        time.sleep(0.05)
    raise ValueError(f"no login by {os.environ['PGPASSWORD']!r}")


@sidecar_task(pod_spec=ALONE, secret_requests=[Secret("db", "pasword")], retries=2)
def mistyped() -> int:
    TOLD.with_name("was_started").touch()
    return 1


QUIET = {"spark.ui.enabled": "false", "spark.driver.memory": "1g"}


@spark_task(spark_conf=QUIET, secret_requests=BOTH)
def drives() -> int:
    print(current_context().spark_session.range(3).rdd.map(lambda _: os.environ["PGPASSWORD"]).distinct().collect())
    return found()


@spark_task(spark_conf=QUIET, secret_requests=BOTH)
def crashes() -> int:
    print("refused:", os.environ["PGPASSWORD"], flush=True)
    current_context().spark_session.range(1).count()
    os._exit(7)


@spark_task(spark_conf=QUIET, secret_requests=[Secret("db", "pasword")], retries=2)
def mistyped_driver() -> int:
    TOLD.with_name("was_started").touch()
    return 1


@workflow
def pod() -> int:
    return finds()


@workflow
def pod_breaks() -> int:
    return breaks()


@workflow
def pod_exits() -> int:
    return exits()


@workflow
def pod_lingers() -> int:
    return lingers()


@workflow
def pod_mistyped() -> int:
    return mistyped()


@workflow
def driver() -> int:
    return drives()


@workflow
def driver_crashes() -> int:
    return crashes()


@workflow
def driver_mistyped() -> int:
    return mistyped_driver()
"""
JVM_WAIT_S = 160.0
SPARK = [
    pytest.mark.timeout(240),  # a JVM starts, which takes long on a busy machine
    pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs Java"),
]
IN_MEMORY = Path("/dev/shm")  # noqa: S108 - looked into, not written to
MISSING = (
    "there is no secret 'pasword' of the group 'db': set the variable _FSEC_DB_PASWORD, "
    "or write the file /etc/secrets/db/pasword"
)


@pytest.fixture
def pods(shell: Shell) -> Shell:
    (shell.directory / "flows.py").write_text(WORKFLOWS)
    shell.environment |= {"_FSEC_DB_PASSWORD": PLANTED}
    return shell


def folders_in_memory(home: Path) -> list[Path]:
    """Where the files of the secrets of a home's pods are, on a system with a place in memory for them."""
    kept = (home / "cluster" / "resources").glob("*/*/*/resource.json")
    uids = [json.loads(path.read_bytes())["metadata"]["uid"] for path in kept]
    return [IN_MEMORY / f"elevon-{uid}" for uid in uids if IN_MEMORY.is_dir()]


def said_of(shell: Shell, execution: str) -> list[str]:
    commands = (
        ("show", execution),
        ("show", execution, "--output", "json"),
        ("logs", execution),
        ("executions",),
        ("plugin", "show", "sidecar"),
    )
    return [each.stdout + each.stderr for each in (shell.run(*words) for words in commands)]


@pytest.mark.parametrize(
    ("name", "log_format", "code", "told"),
    [
        ("pod", "text", 0, f"o0: {len(PLANTED)}"),
        ("pod_breaks", "json", 1, "no login by '***'"),
        ("pod_exits", "text", 1, "refused: ***"),
        pytest.param("driver", "json", 0, f"o0: {len(PLANTED)}", marks=SPARK),
        pytest.param("driver_crashes", "text", 1, "ExitCode: 7", marks=SPARK),
    ],
)
def test_a_secret_is_in_nothing_that_is_written(
    pods: Shell, name: str, log_format: str, code: int, told: str
) -> None:
    options = ("--log-level", "debug", "--log-format", log_format)
    done = pods.run("run", "--execution-id", "leak", *options, "flows.py", name, wait_s=JVM_WAIT_S)
    assert done.returncode == code, done.stderr
    assert told in done.stdout + done.stderr
    said = [done.stdout + done.stderr, *said_of(pods, "leak")]
    assert "***" in "".join(said)
    assert [leaks_in(each.encode()) for each in said] == [[]] * len(said)
    assert leaks_below(pods.home) == {}


@pytest.mark.parametrize("name", ["pod_mistyped", pytest.param("driver_mistyped", marks=SPARK)])
def test_a_task_whose_secret_is_missing_fails_before_it_starts_and_spends_no_retry(
    pods: Shell, name: str
) -> None:
    done = pods.run("run", "--execution-id", "leak", "flows.py", name, wait_s=JVM_WAIT_S)
    assert done.returncode == 1
    assert f"CreateContainerConfigError: {MISSING}" in done.stderr
    assert not (pods.directory / "was_started").exists()
    (node,) = pods.json("show", "leak")["nodes"]
    assert len(node["attempts"]) == 1


def test_a_pod_that_outlives_its_engine_keeps_its_secret_to_itself(pods: Shell) -> None:
    engine = pods.start_lingering("run", "--execution-id", "leak", "flows.py", "pod_lingers")
    keepers = [
        one
        for one in psutil.process_iter(["cmdline"])
        if "elevon.workers.cluster.keeper" in (one.info["cmdline"] or ())
        and (one.info["cmdline"] or [""])[-1].startswith(str(pods.home))
    ]
    assert len(keepers) == 1
    in_memory = folders_in_memory(pods.home)
    assert all(folder.stat().st_mode & 0o777 == 0o700 for folder in in_memory)
    family = [*keepers, *keepers[0].children(recursive=True), psutil.Process(engine.pid)]
    assert [leaks_in(" ".join(one.cmdline()).encode()) for one in family] == [[]] * len(family)
    engine.kill()
    engine.wait()
    for lock in (pods.home / "engines").glob("*.lock"):
        assert locks.wait_free(lock, WAIT_S)
    shown = pods.run("show", "leak", "--output", "json").stdout
    assert leaks_in(shown.encode()) == []
    del pods.environment["_FSEC_DB_PASSWORD"]  # the next engine can't know what it is not to write
    (pods.directory / "enough").touch()
    done = pods.run("resume", "leak")
    assert done.returncode == 1
    assert "no login by '***'" in done.stderr
    said = [done.stdout + done.stderr, *said_of(pods, "leak")]
    assert [leaks_in(each.encode()) for each in said] == [[]] * len(said)
    assert not any(folder.exists() for folder in in_memory)
    assert leaks_below(pods.home) == {}


def test_a_server_shows_no_secret_of_a_pod(pods: Shell, tmp_path_factory: pytest.TempPathFactory) -> None:
    server = Server(pods, tmp_path_factory.mktemp("client"))
    process = server.start()
    shutil.copy(pods.directory / "flows.py", server.client.directory)
    done = server.client.run("run", "--execution-id", "leak", "flows.py", "pod_breaks")
    assert "no login by '***'" in done.stderr
    _, figures = server.read("/metrics")
    assert "elevon_call_seconds" in figures
    said = [done.stdout, done.stderr, figures, *said_of(pods, "leak"), end(process)[1]]
    server.close()
    assert [leaks_in(each.encode()) for each in said] == [[]] * len(said)
    assert leaks_below(pods.home) == {}
