"""The author's side of `spark`: what is written down, what is refused, and the session that code is given."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from elevon import Secret, current_context, errors, task
from elevon.idl.spark_jobs import SparkApplication
from elevon.sdk import serialization, sources
from elevon.tasktypes.spark import sessions
from elevon.tasktypes.spark.task import GenericSparkTask, SparkTask, spark_task

FILE = "local:///opt/app.py"


@spark_task(spark_conf={"spark.executor.instances": "2"}, hadoop_conf={"fs.x": "y"}, retries=1)
def counted(path: str) -> int:
    return len(path)


def template_of(entity: Any) -> Any:
    made = serialization.serialize(entity, project="p", domain="d", version="v")
    (template,) = made.tasks
    return template


def generic(**given: Any) -> GenericSparkTask:
    return GenericSparkTask("app", given.pop("file", FILE), **given)


def test_a_function_becomes_flytes_template() -> None:
    template = template_of(counted)
    assert template.type == "spark"
    assert dict(template.custom) == {
        "sparkConf": {"spark.executor.instances": "2"},
        "hadoopConf": {"fs.x": "y"},
    }
    assert template.container.args[0] == "elevon-execute"
    assert template.metadata.retries.retries == 1


def test_an_application_becomes_flytes_template() -> None:
    made = generic(
        file="local:///a.jar", main_class="org.Main", arguments=["{{.inputs.n}}"], inputs={"n": int}
    )
    template = template_of(made)
    assert dict(template.custom) == {
        "applicationType": "JAVA",
        "mainApplicationFile": "local:///a.jar",
        "mainClass": "org.Main",
    }
    assert list(template.container.args) == ["{{.inputs.n}}"]


@pytest.mark.parametrize(
    ("file", "given", "language"),
    [
        ("a.py", {}, SparkApplication.PYTHON),
        ("a.jar", {}, SparkApplication.JAVA),
        ("a.jar", {"language": "Scala"}, SparkApplication.SCALA),
        ("s3a://x/a.R", {}, SparkApplication.R),
        ("https://x/download", {"language": "Python"}, SparkApplication.PYTHON),
    ],
)
def test_the_language_is_that_of_the_file_unless_it_is_said(
    file: str, given: dict[str, Any], language: int
) -> None:
    assert generic(file=file, **given).message().applicationType == language


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"file": ""}, "main_application_file is empty: name the jar, Python or R file to run"),
        ({"file": 3}, "main_application_file=3 is no text"),
        ({"file": "download"}, "main_application_file='download' does not tell its language: set language"),
        ({"language": "Perl"}, "language='Perl' is none of Python, Java, Scala, R"),
        (
            {"language": "Java"},
            "main_application_file='local:///opt/app.py' is no Java file: set language to 'Python'",
        ),
        (
            {"language": "R"},
            "main_application_file='local:///opt/app.py' is no R file: set language to 'Python'",
        ),
        ({"main_class": "org.Main"}, "main_class='org.Main' is for programs of the JVM"),
        ({"file": "a.jar", "executor_path": "/py"}, "executor_path='/py' is for Python, and this is in Java"),
        ({"arguments": "--day 1"}, "arguments='--day 1' is no list of words"),
        ({"arguments": [1]}, "arguments=[1] is no list of words"),
        ({"spark_conf": ["a=b"]}, "spark_conf=['a=b'] is no dict"),
        ({"databricks_conf": {}}, "databricks_conf is for Databricks"),
        ({"colour": "red"}, "there is no setting 'colour'"),
    ],
)
def test_an_application_that_makes_no_sense_is_refused(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(errors.UserError, match=re.escape(sentence)):
        generic(**given)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            {"spark_conf": {"spark.executor.instances": 2}},
            "['spark.executor.instances']=2 is no text: write it as '2'",
        ),
        ({"spark_conf": {"spark.executor.cores": "two"}}, "['spark.executor.cores']='two' is no count"),
        (
            {"spark_conf": {"spark.driver.memory": "2 GB"}},
            "['spark.driver.memory']='2 GB' is no amount of memory",
        ),
        ({"hadoop_conf": {1: "x"}}, "hadoop_conf[1]='x' is no text"),
        ({"databricks_token": "x"}, "databricks_token is for Databricks"),
        ({"secret_requests": [Secret("a", "b", "v2")]}, "has a version, and Secrets of a cluster have none"),
        ({"executor_path": 3}, "executor_path=3 is no text"),
    ],
)
def test_a_function_with_settings_that_make_no_sense_is_refused(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(errors.UserError, match=re.escape(sentence)):
        SparkTask(counted.function, **given)


def test_a_function_that_asks_for_no_session_needs_no_spark() -> None:
    assert counted("four") == 4


@task
def plain() -> None:
    _ = current_context().spark_session


def test_the_session_is_for_tasks_of_this_type() -> None:
    with pytest.raises(
        errors.UserError, match=r"is for tasks of the type 'spark'.*decorate it with @spark_task"
    ):
        plain()


@spark_task
def asking() -> None:
    _ = current_context().spark_session


def test_a_machine_without_pyspark_says_how_to_mend_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)
    with pytest.raises(errors.UserError, match="needs pyspark: install elevon with its extra spark"):
        asking()


def test_modules_are_packed_such_that_python_finds_them(tmp_path: Path) -> None:
    modules = (
        sources.ModuleSource("flow", "flow.py", b"from deep.down.well import WORD", is_package=False),
        sources.ModuleSource("deep.down.well", "deep/down/well.py", b"WORD = 'well'", is_package=False),
    )
    code = tmp_path / "code.bundle"
    code.write_bytes(sources.encode(sources.SourceBundle("/somewhere", "flow", modules)))
    packed = sessions.pack(str(code), tmp_path / "code.zip")
    assert zipfile.is_zipfile(packed)
    program = f"import sys; sys.path.insert(0, {str(packed)!r}); import flow; print(flow.WORD)"
    assert subprocess.check_output([sys.executable, "-c", program], text=True) == "well\n"
