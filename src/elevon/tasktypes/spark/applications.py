"""The resource of the Spark operator that stands for an attempt: sparkoperator.k8s.io/v1beta2, SparkApplication.

It owns which of our words go where in it: what the task sets, what its resources say where it sets nothing, and what
the executor is configured for. It must never look at a status.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from elevon import errors
from elevon.idl import literals
from elevon.idl.messages import Resources, TaskTemplate
from elevon.idl.spark_jobs import SparkApplication, SparkJob
from elevon.plugin.kubernetes import Manifest, ResourceKind
from elevon.plugin.pod_secrets import PodSecrets
from elevon.primitives import code_names, quantities
from elevon.tasktypes.spark.configurations import SparkConfig

KIND: Final = ResourceKind("sparkoperator.k8s.io/v1beta2", "SparkApplication")
_TYPES: Final = {
    SparkApplication.PYTHON: "Python",
    SparkApplication.JAVA: "Java",
    SparkApplication.SCALA: "Scala",
    SparkApplication.R: "R",
}
_FEATURE: Final = re.compile(r"spark\.(?:flyteorg|flyte)\.(?P<name>.+)\.enabled")
_ENTRYPOINT: Final = "elevon-execute"
_DRIVER_FILE: Final = Path(__file__).with_name("driver") / "elevon_driver.py"
_OVERHEAD_DIVISOR: Final = 1.4
"""Spark leaves so much of a pod to what is not the heap, with Python in it."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What an attempt asks for.

    Attributes:
        template: The task.
        job: Its message.
        resources: Of the node, overrides applied.
        arguments: Of the application, placeholders replaced.
        environment: Variables of the driver and the executors.
        labels: On the pods.
        annotations: On the pods.
        secrets: What driver and executors are given.
    """

    template: TaskTemplate
    job: SparkJob
    resources: Resources
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    secrets: PodSecrets


def runs_user_code(template: TaskTemplate) -> bool:
    """Whether the application is elevon's own entrypoint."""
    container = template.container
    return [*container.command, *container.args][:1] == [_ENTRYPOINT]


def code_environment(code: Path | None) -> dict[str, str]:
    """What tells the entrypoint where the user's code is."""
    return {} if code is None else {code_names.VARIABLE: str(code)}


def build(asked: Asked, config: SparkConfig) -> Manifest:
    """The resource, but for what the base puts in.

    Raises:
        UserError: The message names no file to run, or a setting makes no sense; names the field.
    """
    job = asked.job
    _check(asked)
    conf = _confs(job, config)
    spec: dict[str, Any] = {
        "type": _TYPES.get(job.applicationType, "Python"),
        "mode": "cluster",
        "sparkVersion": config.spark_version,
        "image": asked.template.container.image,
        "mainApplicationFile": _main_file(asked, config),
        "mainClass": job.mainClass,
        "arguments": list(asked.arguments),
        "sparkConf": conf,
        "hadoopConf": dict(job.hadoopConf),
        "restartPolicy": {"type": "Never"},
        "driver": _role("driver", asked, conf) | {"serviceAccount": config.service_account},
        "executor": _role("executor", asked, conf)
        | {"instances": _count(conf, "spark.executor.instances") or 1},
        "volumes": list(asked.secrets.volumes),
    }
    return {"spec": {name: value for name, value in spec.items() if value not in ("", [], {})}}


def _check(asked: Asked) -> None:
    job = asked.job
    for field in ("databricksConf", "databricksToken", "databricksInstance"):
        if getattr(job, field):
            raise errors.UserError(
                f"SparkJob.{field} is set, and the type 'spark' does not run on Databricks: leave it out, or serve it "
                "by the Databricks connector"
            )


def _main_file(asked: Asked, config: SparkConfig) -> str:
    job = asked.job
    if job.mainApplicationFile or job.mainClass:
        return job.mainApplicationFile
    if not runs_user_code(asked.template):
        raise errors.UserError(
            f"SparkJob.mainApplicationFile of task {asked.template.id.name!r} is empty, and so is mainClass: name the "
            "jar, Python or R file to run"
        )
    return config.driver_file or f"local://{_DRIVER_FILE}"


def _confs(job: SparkJob, config: SparkConfig) -> dict[str, str]:
    """The settings of Spark, the operator's last word last."""
    conf = dict(config.spark_conf)
    if job.executorPath:
        conf |= {"spark.pyspark.python": job.executorPath, "spark.pyspark.driver.python": job.executorPath}
    for name, value in sorted(job.sparkConf.items()):
        feature = _FEATURE.fullmatch(name)
        if feature is None or value.strip().lower() != "true":
            conf[name] = value
        elif feature["name"] in config.features:
            conf |= config.features[feature["name"]]
        else:
            known = ", ".join(sorted(config.features)) or "none"
            raise errors.UserError(
                f"SparkJob.sparkConf[{name!r}] asks for a feature that is not configured (there are {known}): leave it "
                "out, or add it to executors.spark.features"
            )
    return conf | dict(config.spark_conf_overrides)


def _role(role: str, asked: Asked, conf: Mapping[str, str]) -> dict[str, Any]:
    """The driver's part of the resource, or the executors'."""
    made: dict[str, Any] = {
        **_cores(role, asked.resources, conf),
        **_memory(role, asked.resources, conf),
        "env": [{"name": name, "value": value} for name, value in sorted(_environment(asked).items())],
        "envSecretKeyRefs": dict(asked.secrets.references),
        "volumeMounts": list(asked.secrets.mounts),
        "labels": dict(asked.labels),
        "annotations": dict(asked.annotations),
    }
    pod = getattr(asked.job, f"{role}Pod")
    if pod.ByteSize():
        metadata = {"labels": dict(pod.metadata.labels), "annotations": dict(pod.metadata.annotations)}
        made["template"] = {"metadata": metadata, "spec": literals.plain_of(pod.pod_spec)}
    return {name: value for name, value in made.items() if value not in ("", [], {})}


def _environment(asked: Asked) -> dict[str, str]:
    """The variables whose values may be written down; a secret goes before one of the same name."""
    variables = {**asked.environment, **asked.secrets.variables}
    return {name: value for name, value in variables.items() if name not in asked.secrets.references}


def _cores(role: str, resources: Resources, conf: Mapping[str, str]) -> dict[str, Any]:
    """Cores, and their limit, by the settings; else by the resources of the task."""
    requested = _quantity(resources.requests, Resources.CPU) or _quantity(resources.limits, Resources.CPU)
    cores = _count(conf, f"spark.{role}.cores") or (quantities.slots(requested) if requested else 0)
    limit = (
        conf.get(f"spark.kubernetes.{role}.limit.cores")
        or conf.get(f"spark.kubernetes.{role}.request.cores")
        or conf.get(f"spark.{role}.cores")
        or _quantity(resources.limits, Resources.CPU)
    )
    made: dict[str, Any] = {"cores": cores} if cores else {}
    return made | ({"coreLimit": limit} if limit else {})


def _memory(role: str, resources: Resources, conf: Mapping[str, str]) -> dict[str, Any]:
    """The heap and what comes on top of it, by the settings; else so that the pod is as large as the task's."""
    heap = conf.get(f"spark.{role}.memory", "")
    overhead = conf.get(f"spark.{role}.memoryOverhead", "")
    requested = _mib(_quantity(resources.requests, Resources.MEMORY))
    limit = _mib(_quantity(resources.limits, Resources.MEMORY))
    if not heap and (requested or limit):
        heap_mib = requested if requested and requested != limit else int(limit / _OVERHEAD_DIVISOR)
        heap = f"{heap_mib}m"
        if limit and not overhead:
            overhead = f"{limit - heap_mib}m"
    made = {"memory": heap, "memoryOverhead": overhead}
    return {name: value for name, value in made.items() if value}


def _count(conf: Mapping[str, str], name: str) -> int:
    """A setting that is a count; 0 if it is not set."""
    text = conf.get(name, "0")
    if not text.isdecimal():
        raise errors.UserError(f"SparkJob.sparkConf[{name!r}]={text!r} is no count: write it as '2'")
    return int(text)


def _quantity(entries: Any, name: int) -> str:
    return next((entry.value for entry in entries if entry.name == name), "")


def _mib(quantity: str) -> int:
    return int(quantities.parse(quantity)) >> 20 if quantity else 0
