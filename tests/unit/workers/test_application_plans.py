"""What a SparkApplication means on one machine, what is refused, and what it shows of its driver."""

import sys
from pathlib import Path
from typing import Any

import pytest

from elevon import errors
from elevon.workers.cluster import applications, kinds, manifests
from elevon.workers.cluster.secrets import Handout

FOLDER = Path("/applications/one")


def application(**spec: Any) -> dict[str, Any]:
    given = {"type": "Python", "mainApplicationFile": "local:///opt/app.py", **spec}
    return {
        "apiVersion": "sparkoperator.k8s.io/v1beta2",
        "kind": "SparkApplication",
        "metadata": {"namespace": "team", "name": "one", "uid": "u1"},
        "spec": given,
    }


def planned(**spec: Any) -> manifests.ContainerPlan:
    (driver,) = kinds.plan(application(**spec), FOLDER).containers
    return driver


def confs(driver: manifests.ContainerPlan) -> dict[str, str]:
    """What follows each `--conf`, as a dictionary."""
    pairs = [driver.args[at + 1] for at, word in enumerate(driver.args) if word == "--conf"]
    return dict(pair.split("=", 1) for pair in pairs)


def shown(**driver: Any) -> Any:
    return kinds.shown(application(), driver)


def ended(code: int, reason: str, message: str = "") -> dict[str, Any]:
    end = {"exitCode": code, "reason": reason, "finishedAt": "2026-01-01T00:00:09Z"}
    end |= {"message": message} if message else {}
    return {"phase": "Failed", "containerStatuses": [{"name": "x", "state": {"terminated": end}}]}


def test_an_application_is_spark_submit_in_local_mode() -> None:
    driver = planned(arguments=["--day", "1"], sparkConf={"spark.sql.shuffle.partitions": "3"})
    assert driver.args[0].endswith("spark-submit")
    assert driver.args[1:3] == ("--master", "local[1]")
    assert driver.args[-3:] == ("/opt/app.py", "--day", "1")
    assert confs(driver)["spark.sql.shuffle.partitions"] == "3"
    assert driver.environment["PYSPARK_PYTHON"] == sys.executable


def test_it_listens_to_this_machine_alone_whatever_it_is_told() -> None:
    driver = planned(sparkConf={"spark.driver.bindAddress": "0.0.0.0", "spark.driver.host": "10.0.0.1"})  # noqa: S104
    assert confs(driver)["spark.driver.bindAddress"] == confs(driver)["spark.driver.host"] == "127.0.0.1"
    assert driver.environment["SPARK_LOCAL_IP"] == "127.0.0.1"


def test_settings_of_hadoop_are_settings_of_spark() -> None:
    assert confs(planned(hadoopConf={"fs.x": "y"}))["spark.hadoop.fs.x"] == "y"


def test_arguments_are_handed_on_as_they_are() -> None:
    assert planned(arguments=["$(HOME)", "$$5"]).args[-2:] == ("$(HOME)", "$$5")


def test_what_its_files_need_is_named() -> None:
    driver = planned(deps={"jars": ["a.jar", "b.jar"], "pyFiles": ["c.zip"]})
    assert driver.args[driver.args.index("--jars") + 1] == "a.jar,b.jar"
    assert driver.args[driver.args.index("--py-files") + 1] == "c.zip"


@pytest.mark.parametrize(
    ("spec", "limit_mib"),
    [
        ({}, 2 * (1024 + 410)),
        ({"executor": {"instances": 3, "memory": "2g"}}, 1024 + 410 + 3 * (2048 + 820)),
        ({"driver": {"memory": "512m", "memoryOverhead": "88"}, "executor": {"instances": 0}}, 600),
        ({"type": "Java", "driver": {"memory": "8g"}, "executor": {"instances": 0}}, 8192 + 820),
    ],
)
def test_one_process_may_use_what_all_its_pods_might(spec: dict[str, Any], limit_mib: int) -> None:
    assert planned(**spec).memory_bytes == limit_mib << 20


def test_the_ui_is_shown_unless_it_is_switched_off() -> None:
    plan = kinds.plan(application(sparkConf={"spark.ui.port": "4050"}), FOLDER)
    assert plan.shown == {"webUIAddress": "127.0.0.1:4050"}
    assert kinds.plan(application(sparkConf={"spark.ui.enabled": "false"}), FOLDER).shown == {}
    free = kinds.plan(application(), FOLDER)
    assert free.shown["webUIAddress"] == f"127.0.0.1:{confs(free.containers[0])['spark.ui.port']}"


def test_a_file_that_is_not_there_is_why_it_can_not_be_begun() -> None:
    assert (
        planned().problem
        == "mainApplicationFile names /opt/app.py, which is not on this machine: put it there"
    )
    assert planned(mainApplicationFile=f"local://{__file__}").problem == ""
    assert planned(mainApplicationFile="s3a://bucket/app.py").problem == ""


def test_a_machine_without_java_says_how_to_mend_that(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert "there is no Java on this machine" in planned(mainApplicationFile=f"local://{__file__}").problem


def test_a_machine_without_spark_says_how_to_mend_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPARK_HOME", raising=False)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setitem(sys.modules, "pyspark", None)
    assert planned().problem == (
        "there is no Spark on this machine: install elevon with its extra spark, or set SPARK_HOME"
    )


def test_the_python_that_is_asked_for_has_to_be_there() -> None:
    conf = {"spark.pyspark.python": "/opt/venv/bin/python"}
    driver = planned(mainApplicationFile=f"local://{__file__}", sparkConf=conf)
    assert driver.problem == (
        "sparkConf['spark.pyspark.python'] names /opt/venv/bin/python, which is not on this machine: install it"
    )


def test_a_class_needs_no_file_of_its_own() -> None:
    driver = planned(type="Scala", mainApplicationFile="", mainClass="org.example.Main")
    assert driver.args[-1] == "spark-internal"
    assert driver.args[driver.args.index("--class") + 1] == "org.example.Main"


def test_a_driver_is_given_the_secrets_that_it_names() -> None:
    items = [{"key": "key", "path": "tls/key"}]
    resource = application(
        mainApplicationFile=f"local://{__file__}",
        volumes=[{"name": "v", "secret": {"secretName": "tls", "items": items}}],
        driver={
            "envSecretKeyRefs": {"TOKEN": {"name": "s3", "key": "token"}},
            "volumeMounts": [{"name": "v", "mountPath": "/etc/secrets"}],
            "env": [{"name": "DIR", "value": "/etc/secrets"}],
        },
    )
    handed = Handout(values={"s3": {"token": "hunter2"}, "tls": {"key": "pem"}})
    plan = kinds.plan(resource, FOLDER, handed)
    (driver,), (file,) = plan.containers, plan.secret_files
    assert (driver.environment["TOKEN"], file.value) == ("hunter2", "pem")
    assert file.path == Path(driver.environment["DIR"], "tls/key")
    assert not driver.lacks


def test_a_driver_that_lacks_a_secret_cannot_be_submitted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("java", "spark-submit"):
        (tmp_path / "bin").mkdir(exist_ok=True)
        (tmp_path / "bin" / name).touch()
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    monkeypatch.setenv("SPARK_HOME", str(tmp_path))
    driver = {"envSecretKeyRefs": {"TOKEN": {"name": "s3", "key": "token"}}}
    resource = application(mainApplicationFile=f"local://{__file__}", driver=driver)
    handed = Handout(problems={"s3": {"token": "there is no token"}})
    (lacking,) = kinds.plan(resource, FOLDER, handed).containers
    assert (lacking.problem, lacking.lacks) == ("CreateContainerConfigError: there is no token", "")


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        (
            {"driver": {"secrets": [{"name": "s3", "path": "/x", "secretType": "Generic"}]}},
            "secrets of spec.driver names all that the Secret 's3' holds, .* name its keys",
        ),
        ({"mainApplicationFile": ""}, "spec.mainApplicationFile is empty: name the Python file"),
        ({"restartPolicy": {"type": "OnFailure"}}, "restarts nothing: set it to Never"),
        ({"driver": {"template": {"spec": {}}}}, "template of spec.driver can't be had"),
        ({"executor": {"memory": "much"}}, "spec.executor.memory is 'much', which is no amount of memory"),
        ({"type": "Perl"}, "the spec is no Spark application's: Invalid enum value 'Perl'"),
        ({"sparkConf": {"a": 1}}, r"no Spark application's: Expected `str`, got `int` - at `\$.sparkConf"),
    ],
)
def test_what_cannot_be_had_is_refused_and_named(spec: dict[str, Any], sentence: str) -> None:
    with pytest.raises(errors.UserError, match=sentence):
        planned(**spec)


def test_it_is_new_until_its_driver_is_there() -> None:
    assert kinds.shown(application(), None) == {}
    assert not kinds.has_ended({**application(), "status": {}})


@pytest.mark.parametrize(
    ("driver", "state", "message"),
    [
        ({"phase": "Pending"}, "SUBMITTED", None),
        ({"phase": "Running"}, "RUNNING", None),
        ({"phase": "Succeeded"}, "COMPLETED", None),
        (
            ended(137, "OOMKilled"),
            "FAILED",
            "driver container failed with ExitCode: 137, Reason: OOMKilled",
        ),
        (
            ended(1, "Error", "KeyError: 'x'\n"),
            "FAILED",
            "driver container failed with ExitCode: 1, Reason: Error, Message: KeyError: 'x'",
        ),
        (
            ended(127, "ContainerCannotRun", "no Java"),
            "SUBMISSION_FAILED",
            "failed to run spark-submit: no Java",
        ),
        (
            {"phase": "Failed", "reason": "NodeLost", "message": "gone"},
            "FAILED",
            "driver pod failed with Reason: NodeLost, Message: gone",
        ),
        ({"phase": "Failed"}, "FAILED", "driver container status missing"),
    ],
)
def test_it_shows_its_driver_as_the_operator_does(
    driver: dict[str, Any], state: str, message: str | None
) -> None:
    status = shown(**driver)
    assert status["applicationState"].get("state") == state
    assert status["applicationState"].get("errorMessage") == message
    assert status["driverInfo"]["podName"] == "one-driver"
    assert applications.has_ended(status) == (state not in ("SUBMITTED", "RUNNING"))


def test_the_ui_is_there_while_it_runs() -> None:
    assert (
        shown(phase="Running", webUIAddress="127.0.0.1:4040")["driverInfo"]["webUIAddress"]
        == "127.0.0.1:4040"
    )
    assert "webUIAddress" not in shown(phase="Succeeded", webUIAddress="127.0.0.1:4040")["driverInfo"]
