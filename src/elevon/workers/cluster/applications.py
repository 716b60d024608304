"""What a SparkApplication means on one machine: its driver as a pod of one container, with the executors in it.

The container is `spark-submit` in local mode: a JVM in which executors are threads, so that its memory limit is that of
all their pods together. This module owns how the resource of the Spark operator (sparkoperator.k8s.io/v1beta2) becomes
that pod, and how the pod's status becomes the application's, in the operator's words. It must never start anything.

What has no meaning here is passed over: images, versions, accounts, labels, node choices, limits of cores, monitoring,
and settings of Kubernetes. Nothing that is started here listens to anything but this machine.
"""

import importlib.util
import math
import os
import re
import shutil
import socket
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypedDict
from typing import Literal as OneOf

import msgspec

from elevon import errors
from elevon.records.resources import Manifest, ResourceKind, key_of
from elevon.workers import captures
from elevon.workers.cluster import manifests, secrets
from elevon.workers.cluster.manifests import PodPlan
from elevon.workers.cluster.secrets import Handout

SPARK_APPLICATION: Final = ResourceKind("sparkoperator.k8s.io/v1beta2", "SparkApplication")
DRIVER: Final = "spark-kubernetes-driver"
"""The driver's container, as Spark calls it."""
_ENDS: Final = ("COMPLETED", "FAILED", "SUBMISSION_FAILED")
_LOOPBACK: Final = "127.0.0.1"
_MEMORY: Final = re.compile(r"(\d+)([kmgtp]?)b?", re.IGNORECASE)
_MIB_OF: Final = {"k": 1 / 1024, "": 1, "m": 1, "g": 1024, "t": 1 << 20, "p": 1 << 30}
_PYTHONS: Final = ("spark.pyspark.driver.python", "spark.pyspark.python")
_LEAST_OVERHEAD_MIB: Final = 384
_LACKING: Final = "CreateContainerConfigError"
_NOT_HERE: Final = (
    "configMaps",
    "envFrom",
    "initContainers",
    "lifecycle",
    "sidecars",
    "template",
)
# What Spark logs, and where in the JVM an exception was raised: neither says why a driver failed.
_LOGGED: Final = r"\d\d/\d\d/\d\d \d\d:\d\d:\d\d (TRACE|DEBUG|INFO|WARN) |WARNING: |Using Spark's"
# spark-submit sends all that a Python program prints to its own stdout.
_STREAMS: Final = (captures.STDOUT, captures.STDERR)
_NOISE: Final = rf"{_LOGGED}|\s+at |\s*\.\.\. \d+ more"


class _Spelled(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A part of the resource, in the operator's spelling."""


class _Role(_Spelled, frozen=True, kw_only=True):
    cores: int = 1
    memory: str = "1g"
    memory_overhead: str = ""
    instances: int = 1
    env: list[dict[str, Any]] = []
    env_secret_key_refs: dict[str, dict[str, Any]] = {}
    secrets: list[dict[str, Any]] = []
    volume_mounts: list[dict[str, Any]] = []


class _RestartPolicy(_Spelled, frozen=True, kw_only=True):
    type: str = "Never"


class _Deps(_Spelled, frozen=True, kw_only=True):
    jars: list[str] = []
    files: list[str] = []
    py_files: list[str] = []
    packages: list[str] = []


class _Application(_Spelled, frozen=True, kw_only=True):
    type: OneOf["Python", "Java", "Scala", "R"]
    main_application_file: str = ""
    main_class: str = ""
    arguments: list[str] = []
    spark_conf: dict[str, str] = {}
    hadoop_conf: dict[str, str] = {}
    deps: _Deps = _Deps()
    volumes: list[dict[str, Any]] = []
    driver: _Role = _Role()
    executor: _Role = _Role()
    restart_policy: _RestartPolicy = _RestartPolicy()


class _Installation(TypedDict):
    """What of this machine is needed: `spark-submit`, and what keeps it from being run; empty for nothing."""

    submit: str
    problem: str


def plan(resource: Manifest, folder: Path, handed: Handout = secrets.NOTHING) -> PodPlan:
    """How an application is run whose files are in a folder.

    Args:
        resource: The application.
        folder: Of its files.
        handed: The secrets that it is given.

    Raises:
        UserError: It asks for what can't be had here; names the field.
    """
    spec = _spec_of(resource)
    for problem in _problems(resource, spec):
        raise errors.UserError(f"{key_of(resource)}: {problem}")
    installed = _installation(spec)
    temporary = folder / "tmp"
    address = _ui_address(spec)
    command = _command(resource, spec, installed, address)
    made = manifests.plan(_driver_pod(resource, spec, command, temporary), folder, handed)
    (driver,) = made.containers
    # With the operator a driver that lacks a secret waits for ever, and nothing of it is seen in its application.
    lacking = f"{_LACKING}: {driver.lacks}" if driver.lacks else ""
    problem = installed["problem"] or lacking
    driver = msgspec.structs.replace(driver, problem=problem, lacks="", streams=_STREAMS, noise=_NOISE)
    shown = {"webUIAddress": address} if address else {}
    return msgspec.structs.replace(
        made, containers=(driver,), folders=(*made.folders, temporary), shown=shown
    )


def status_of(resource: Manifest, driver: Manifest | None) -> Manifest:
    """The status of an application, by that of its driver's pod; empty before there is one, as the operator has it."""
    if driver is None:
        return {}
    state, message = _state_of(driver)
    status: dict[str, Any] = {
        "applicationState": {"state": state, "errorMessage": message} if message else {"state": state},
        "driverInfo": {"podName": f"{resource['metadata']['name']}-driver"},
        "lastSubmissionAttemptTime": driver.get("startTime"),
        "submissionAttempts": 1,
        "executionAttempts": 1,
    }
    if state == "RUNNING" and "webUIAddress" in driver:
        status["driverInfo"] |= {"webUIAddress": driver["webUIAddress"]}
    ended = _termination(driver)
    if state in _ENDS and "finishedAt" in ended:
        status["terminationTime"] = ended["finishedAt"]
    return status


def has_ended(status: Manifest) -> bool:
    """Whether a status is the last."""
    return status.get("applicationState", {}).get("state") in _ENDS


def _state_of(driver: Manifest) -> tuple[str, str]:
    """The state, and why it is a failure."""
    match driver["phase"]:
        case "Pending":
            return "SUBMITTED", ""
        case "Running":
            return "RUNNING", ""
        case "Succeeded":
            return "COMPLETED", ""
        case _:
            pass
    ended = _termination(driver)
    said = ended.get("message", "").strip()
    if ended.get("reason") == "ContainerCannotRun":
        return "SUBMISSION_FAILED", f"failed to run spark-submit: {said}"
    if "reason" in driver:
        return (
            "FAILED",
            f"driver pod failed with Reason: {driver['reason']}, Message: {driver.get('message', '')}",
        )
    if not ended:
        return "FAILED", "driver container status missing"
    message = f"driver container failed with ExitCode: {ended['exitCode']}, Reason: {ended['reason']}"
    return "FAILED", f"{message}, Message: {said}" if said else message


def _termination(driver: Manifest) -> Mapping[str, Any]:
    containers: list[Manifest] = driver.get("containerStatuses", [])
    return containers[0]["state"].get("terminated", {}) if containers else {}


def _spec_of(resource: Manifest) -> _Application:
    try:
        return msgspec.convert(resource.get("spec", {}), _Application)
    except msgspec.ValidationError as error:
        raise errors.UserError(f"{key_of(resource)}: the spec is no Spark application's: {error}") from error


def _problems(resource: Manifest, spec: _Application) -> Iterator[str]:
    """What keeps an application from being run here, each as a clause."""
    if spec.restart_policy.type != "Never":
        yield (
            f"spec.restartPolicy.type is {spec.restart_policy.type}, and a local cluster restarts nothing: "
            "set it to Never"
        )
    if not spec.main_application_file and (spec.type in ("Python", "R") or not spec.main_class):
        yield f"spec.mainApplicationFile is empty: name the {spec.type} file of the application"
    for role in ("driver", "executor"):
        for field in _NOT_HERE:
            if resource["spec"].get(role, {}).get(field):
                yield f"{field} of spec.{role} can't be had on a local cluster: leave it out"
    for role, given in (("driver", spec.driver), ("executor", spec.executor)):
        for secret in given.secrets:
            yield (
                f"secrets of spec.{role} names all that the Secret {secret.get('name')!r} holds, and a local cluster "
                "can't tell what that is: name its keys, in envSecretKeyRefs or as items of a volume"
            )
        for field, text in (("memory", given.memory), ("memoryOverhead", given.memory_overhead)):
            if text and not _MEMORY.fullmatch(text):
                yield f"spec.{role}.{field} is {text!r}, which is no amount of memory for Spark: write it as 512m or 2g"


def _installation(spec: _Application) -> _Installation:
    submit = _submit()
    if submit is None:
        return _Installation(
            submit="spark-submit",
            problem="there is no Spark on this machine: install elevon with its extra spark, or set SPARK_HOME",
        )
    problem = ""
    java_home = os.environ.get("JAVA_HOME", "")
    if not (Path(java_home, "bin", "java").is_file() if java_home else shutil.which("java")):
        problem = (
            "there is no Java on this machine, and Spark needs one: install a runtime of version 17 or newer, such as "
            "Debian's default-jre-headless, or set JAVA_HOME"
        )
    main = _local_path(spec.main_application_file)
    if main is not None and not main.exists():
        problem = problem or f"mainApplicationFile names {main}, which is not on this machine: put it there"
    for name in _PYTHONS:
        python = spec.spark_conf.get(name)
        if python and shutil.which(python) is None:
            problem = (
                problem or f"sparkConf[{name!r}] names {python}, which is not on this machine: install it"
            )
    return _Installation(submit=str(submit), problem=problem)


def _submit() -> Path | None:
    """Where `spark-submit` is: of SPARK_HOME, of the package, or of the PATH."""
    home = os.environ.get("SPARK_HOME")
    package = importlib.util.find_spec("pyspark")
    if home:
        found: str | Path | None = Path(home, "bin", "spark-submit")
    elif package is not None and package.origin:
        found = Path(package.origin).parent / "bin" / "spark-submit"
    else:
        found = shutil.which("spark-submit")
    return None if found is None else Path(found)


def _local_path(uri: str) -> Path | None:
    """A file of this machine; None for one that Spark fetches, and for none."""
    scheme, mark, rest = uri.partition(":")
    if not mark or scheme in ("local", "file"):
        return Path("/" + rest.lstrip("/")) if mark else Path(uri) if uri else None
    return None


def _driver_pod(resource: Manifest, spec: _Application, command: list[str], temporary: Path) -> Manifest:
    metadata = resource["metadata"]
    python = os.environ.get("PYSPARK_PYTHON", sys.executable)
    fixed = {
        "PYSPARK_PYTHON": python,
        "PYSPARK_DRIVER_PYTHON": python,
        "SPARK_LOCAL_IP": _LOOPBACK,
        "SPARK_LOCAL_DIRS": str(temporary),
        # Spark splits it into words as a shell does.
        "SPARK_SUBMIT_OPTS": f'"-Djava.io.tmpdir={_escaped(temporary)}"',
        "TMPDIR": str(temporary),
    }
    container = {
        "name": DRIVER,
        # A pod would replace $(NAME) in them; Spark does not.
        "command": [word.replace("$", "$$") for word in command],
        "env": [
            *(_variable(name, reference) for name, reference in spec.driver.env_secret_key_refs.items()),
            *spec.driver.env,
            *({"name": name, "value": value} for name, value in fixed.items()),
        ],
        "volumeMounts": spec.driver.volume_mounts,
        "resources": {"limits": {"memory": f"{_memory_mib(spec)}Mi"}},
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {**metadata, "name": f"{metadata['name']}-driver"},
        "spec": {"restartPolicy": "Never", "containers": [container], "volumes": spec.volumes},
    }


def _variable(name: str, reference: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": name, "valueFrom": {"secretKeyRef": reference}}


def _escaped(path: Path) -> str:
    """A path as it stands between double quotes in what Spark splits into words."""
    return str(path).replace("\\", "\\\\").replace('"', '\\"')


def _command(resource: Manifest, spec: _Application, installed: _Installation, ui_address: str) -> list[str]:
    conf = {
        **{f"spark.hadoop.{name}": value for name, value in spec.hadoop_conf.items()},
        **spec.spark_conf,
        "spark.driver.bindAddress": _LOOPBACK,
        "spark.driver.host": _LOOPBACK,
        "spark.submit.deployMode": "client",
    }
    if ui_address:
        conf["spark.ui.port"] = ui_address.rpartition(":")[2]
    words = [installed["submit"], "--master", _master(spec), "--name", resource["metadata"]["name"]]
    words += ["--driver-memory", spec.driver.memory]
    if spec.main_class:
        words += ["--class", spec.main_class]
    lists = {"jars": spec.deps.jars, "files": spec.deps.files, "py-files": spec.deps.py_files}
    for option, given in {**lists, "packages": spec.deps.packages}.items():
        if given:
            words += [f"--{option}", ",".join(given)]
    for name, value in sorted(conf.items()):
        words += ["--conf", f"{name}={value}"]
    main = _local_path(spec.main_application_file)
    return [*words, str(main or spec.main_application_file or "spark-internal"), *spec.arguments]


def _master(spec: _Application) -> str:
    """As many threads as the executors have cores, if this machine has them."""
    threads = max(1, min(spec.executor.instances * spec.executor.cores, os.cpu_count() or 1))
    failures = spec.spark_conf.get("spark.task.maxFailures")
    return f"local[{threads},{failures}]" if failures else f"local[{threads}]"


def _ui_address(spec: _Application) -> str:
    """Where the UI will be; empty if it is switched off."""
    if spec.spark_conf.get("spark.ui.enabled", "true").lower() == "false":
        return ""
    port = spec.spark_conf.get("spark.ui.port", "0")
    if port == "0":
        with socket.socket() as free:
            free.bind((_LOOPBACK, 0))
            port = free.getsockname()[1]
    return f"{_LOOPBACK}:{port}"


def _memory_mib(spec: _Application) -> int:
    """What the pods of driver and executors may use together, as Spark reckons it on Kubernetes."""
    factor = 0.4 if spec.type in ("Python", "R") else 0.1
    executor = spec.executor
    return _pod_mib(spec.driver, factor) + executor.instances * _pod_mib(executor, factor)


def _pod_mib(role: _Role, factor: float) -> int:
    heap = _mib(role.memory)
    overhead = _mib(role.memory_overhead) if role.memory_overhead else max(_LEAST_OVERHEAD_MIB, heap * factor)
    return math.ceil(heap + overhead)


def _mib(text: str) -> float:
    """An amount of memory in Spark's spelling, MiB without a unit."""
    match = _MEMORY.fullmatch(text)
    if match is None:
        raise errors.BugError(f"{text!r} is no amount of memory, and was not refused")
    return int(match[1]) * _MIB_OF[match[2].lower()]
