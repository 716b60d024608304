"""The resource of an attempt: what the task, its resources and the configuration put into it."""

import re
from pathlib import Path
from typing import Any

import pytest

from elevon import errors
from elevon.idl import customs
from elevon.idl.messages import Container, Identifier, Resources, Secret, SecurityContext, TaskTemplate
from elevon.idl.spark_jobs import SparkApplication, SparkJob
from elevon.plugin.pod_secrets import PodSecrets
from elevon.tasktypes.spark import applications
from elevon.tasktypes.spark.configurations import SparkConfig

FILE = "local:///opt/app.py"
SIZES = ("cores", "coreLimit", "memory", "memoryOverhead")


def resources(requests: dict[int, str], limits: dict[int, str]) -> Resources:
    entry = Resources.ResourceEntry
    return Resources(
        requests=[entry(name=name, value=value) for name, value in requests.items()],  # pyright: ignore[reportArgumentType]
        limits=[entry(name=name, value=value) for name, value in limits.items()],  # pyright: ignore[reportArgumentType]
    )


def built(
    job: SparkJob,
    config: SparkConfig | None = None,
    template: TaskTemplate | None = None,
    asked: Resources | None = None,
) -> dict[str, Any]:
    """The `spec` of the resource."""
    template = template or TaskTemplate(id=Identifier(name="app"), container=Container(image="spark:4"))
    made = applications.Asked(
        template=template,
        job=job,
        resources=asked or Resources(),
        arguments=("--day", "1"),
        environment={"B": "2", "A": "1"},
        labels={"team": "red"},
        annotations={},
        secrets=PodSecrets.of(template),
    )
    return dict(applications.build(made, config or SparkConfig()))["spec"]


def job(**conf: str) -> SparkJob:
    return SparkJob(
        mainApplicationFile=FILE, sparkConf={name.replace("_", "."): value for name, value in conf.items()}
    )


def test_an_application_is_as_the_operator_wants_it() -> None:
    spec = built(
        SparkJob(
            applicationType=SparkApplication.SCALA,
            mainApplicationFile="local:///a.jar",
            mainClass="org.Main",
            hadoopConf={"fs.x": "y"},
        )
    )
    assert spec == {
        "type": "Scala",
        "mode": "cluster",
        "sparkVersion": "4.0.0",
        "image": "spark:4",
        "mainApplicationFile": "local:///a.jar",
        "mainClass": "org.Main",
        "arguments": ["--day", "1"],
        "hadoopConf": {"fs.x": "y"},
        "restartPolicy": {"type": "Never"},
        "driver": {
            "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
            "labels": {"team": "red"},
            "serviceAccount": "spark",
        },
        "executor": {
            "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
            "labels": {"team": "red"},
            "instances": 1,
        },
    }


def test_settings_of_spark_size_driver_and_executors() -> None:
    conf = {
        "spark.driver.cores": "2",
        "spark.driver.memory": "3g",
        "spark.driver.memoryOverhead": "1g",
        "spark.executor.instances": "4",
        "spark.kubernetes.executor.request.cores": "500m",
    }
    spec = built(SparkJob(mainApplicationFile=FILE, sparkConf=conf))
    driver, executor = spec["driver"], spec["executor"]
    assert (driver["cores"], driver["coreLimit"], driver["memory"], driver["memoryOverhead"]) == (
        2,
        "2",
        "3g",
        "1g",
    )
    assert (executor["instances"], executor["coreLimit"]) == (4, "500m")
    assert spec["sparkConf"] == conf


@pytest.mark.parametrize(
    ("requests", "limits", "wanted"),
    [
        ({Resources.CPU: "1500m"}, {}, {"cores": 2}),
        ({Resources.CPU: "1"}, {Resources.CPU: "2"}, {"cores": 1, "coreLimit": "2"}),
        ({Resources.MEMORY: "2Gi"}, {}, {"memory": "2048m"}),
        (
            {Resources.MEMORY: "2Gi"},
            {Resources.MEMORY: "3Gi"},
            {"memory": "2048m", "memoryOverhead": "1024m"},
        ),
        ({}, {Resources.MEMORY: "1400Mi"}, {"memory": "1000m", "memoryOverhead": "400m"}),
        (
            {Resources.MEMORY: "1400Mi"},
            {Resources.MEMORY: "1400Mi"},
            {"memory": "1000m", "memoryOverhead": "400m"},
        ),
    ],
)
def test_where_they_say_nothing_the_resources_of_the_task_do(
    requests: dict[int, str], limits: dict[int, str], wanted: dict[str, Any]
) -> None:
    spec = built(job(), asked=resources(requests, limits))
    for role in ("driver", "executor"):
        sizes = {name: value for name, value in spec[role].items() if name in SIZES}
        assert sizes == wanted


def test_the_settings_of_a_task_are_above_the_defaults_and_below_the_overrides() -> None:
    config = SparkConfig(spark_conf={"a": "1", "b": "1", "c": "1"}, spark_conf_overrides={"c": "3"})
    given = SparkJob(mainApplicationFile=FILE, sparkConf={"b": "2", "c": "2"})
    assert built(given, config)["sparkConf"] == {"a": "1", "b": "2", "c": "3"}


def test_a_feature_is_settings_by_a_name() -> None:
    config = SparkConfig(features={"events": {"spark.eventLog.enabled": "true"}})
    given = SparkJob(mainApplicationFile=FILE, sparkConf={"spark.flyte.events.enabled": "true"})
    assert built(given, config)["sparkConf"] == {"spark.eventLog.enabled": "true"}
    with pytest.raises(
        errors.UserError, match=r"asks for a feature that is not configured \(there are none\)"
    ):
        built(given)


def test_python_of_the_message_is_that_of_driver_and_executors() -> None:
    conf = built(SparkJob(mainApplicationFile=FILE, executorPath="/usr/bin/python3"))["sparkConf"]
    assert conf == {
        "spark.pyspark.python": "/usr/bin/python3",
        "spark.pyspark.driver.python": "/usr/bin/python3",
    }


def test_user_code_is_run_by_the_program_that_is_configured() -> None:
    template = TaskTemplate(container=Container(args=["elevon-execute", "--inputs", "x"]))
    main = built(SparkJob(), template=template)["mainApplicationFile"]
    assert Path(main.removeprefix("local://")).is_file()
    assert built(SparkJob(), SparkConfig(driver_file=FILE), template)["mainApplicationFile"] == FILE
    assert built(job(), template=template)["mainApplicationFile"] == FILE


def test_a_pod_of_the_message_is_the_template_of_the_operator() -> None:
    given = customs.unpack(
        TaskTemplate(
            custom={
                "mainApplicationFile": FILE,
                "driverPod": {
                    "podSpec": {"nodeSelector": {"disk": "fast"}},
                    "metadata": {"labels": {"a": "b"}},
                },
            }
        ).custom,
        SparkJob,
    )
    spec = built(given)
    assert spec["driver"]["template"]["spec"] == {"nodeSelector": {"disk": "fast"}}
    assert spec["driver"]["template"]["metadata"]["labels"] == {"a": "b"}
    assert "template" not in spec["executor"]


def test_driver_and_executors_are_given_secrets_as_the_operator_spells_them() -> None:
    secrets = [
        Secret(group="s3", key="access", env_var="A"),
        Secret(group="tls", key="key", mount_requirement=Secret.FILE),
    ]
    template = TaskTemplate(id=Identifier(name="app"), security_context=SecurityContext(secrets=secrets))
    spec = built(job(), template=template)
    for role in (spec["driver"], spec["executor"]):
        reference = {"name": "s3", "key": "access"}
        assert role["envSecretKeyRefs"] == {"_FSEC_S3_ACCESS": reference, "A": reference}
        assert role["env"] == [
            {"name": "B", "value": "2"},
            {"name": "FLYTE_SECRETS_DEFAULT_DIR", "value": "/etc/secrets"},
            {"name": "FLYTE_SECRETS_ENV_PREFIX", "value": "_FSEC_"},
        ]
        assert role["volumeMounts"] == [
            {"name": "elevon-secrets", "mountPath": "/etc/secrets", "readOnly": True}
        ]
    source = {"secret": {"name": "tls", "items": [{"key": "key", "path": "tls/key"}]}}
    assert spec["volumes"] == [{"name": "elevon-secrets", "projected": {"sources": [source]}}]


@pytest.mark.parametrize(
    ("given", "template", "sentence"),
    [
        (SparkJob(), None, "SparkJob.mainApplicationFile of task 'app' is empty, and so is mainClass"),
        (SparkJob(mainApplicationFile=FILE, databricksToken="x"), None, "SparkJob.databricksToken is set"),
        (
            job(spark_executor_instances="two"),
            None,
            "SparkJob.sparkConf['spark.executor.instances']='two' is no count",
        ),
    ],
)
def test_a_message_that_makes_no_sense_is_the_users_error(
    given: SparkJob, template: TaskTemplate | None, sentence: str
) -> None:
    with pytest.raises(errors.UserError, match=re.escape(sentence)):
        built(given, template=template)
