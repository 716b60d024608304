"""The author's side of `spark`: a function that is given a session, and applications of any language."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, Final, Generic, Unpack, cast
from typing import Literal as OneOf

from elevon.idl import messages
from elevon.idl.spark_jobs import SparkApplication, SparkJob
from elevon.sdk import definitions, settings, tasks
from elevon.sdk.tasks import P, R_co
from elevon.tasktypes.spark import sessions

_TASK_TYPE: Final = "spark"
_MEMORY: Final = re.compile(r"\d+([kmgtp]?b?)", re.IGNORECASE)
_COUNTS: Final = ("spark.driver.cores", "spark.executor.cores", "spark.executor.instances")
_AMOUNTS: Final = tuple(
    f"spark.{role}.{what}" for role in ("driver", "executor") for what in ("memory", "memoryOverhead")
)
_LANGUAGES: Final = {".py": ("Python",), ".jar": ("Java", "Scala"), ".r": ("R",)}
"""What a file may be, by the end of its name; the first unless it is said."""
_TYPES: Final = {
    "Python": SparkApplication.PYTHON,
    "Java": SparkApplication.JAVA,
    "Scala": SparkApplication.SCALA,
    "R": SparkApplication.R,
}
_DATABRICKS: Final = ("databricks_conf", "databricks_token", "databricks_instance")


class SparkTask(tasks.RunnableTask[P, R_co], Generic[P, R_co]):
    """A function of the user in the driver of a Spark application; `current_context().spark_session` is its session."""

    task_type = _TASK_TYPE

    def __init__(
        self,
        function: Callable[P, R_co],
        *,
        spark_conf: Mapping[str, str] | None = None,
        hadoop_conf: Mapping[str, str] | None = None,
        executor_path: str = "",
        applications_path: str = "",
        **options: Unpack[settings.TaskOptions],
    ) -> None:
        """Wrap a function.

        Args:
            function: Any plain function with annotations.
            spark_conf: Settings of Spark, `{"spark.driver.memory": "2g"}`.
            hadoop_conf: Settings of Hadoop.
            executor_path: The Python of driver and executors in the image; empty for the image's own.
            applications_path: The program that runs the function, in the image; empty for the one that the engine is
                configured for.
            **options: Settings of any task.

        Raises:
            UserError: The function, a type or a setting is not supported.
        """
        _refuse_databricks(definitions.of_function("task", function), options)
        super().__init__(function, **options)
        settings.check_for_cluster(self.site, self.settings)
        self.spark_conf = _confs(self.site, "spark_conf", spark_conf)
        self.hadoop_conf = _confs(self.site, "hadoop_conf", hadoop_conf)
        self.executor_path = _text(self.site, "executor_path", executor_path)
        self.applications_path = _text(self.site, "applications_path", applications_path)

    def message(self) -> SparkJob:
        """What the executor must know."""
        return SparkJob(
            applicationType=SparkApplication.PYTHON,
            mainApplicationFile=self.applications_path,
            sparkConf=self.spark_conf,
            hadoopConf=self.hadoop_conf,
            executorPath=self.executor_path,
        )

    def execute(self, /, **inputs: Any) -> Any:
        """Run the function with a session at hand, which is made once it is asked for and stopped at the end."""
        with sessions.offered(self.site.full_name, self.spark_conf):
            return super().execute(**inputs)


spark_task = tasks.task_decorator(SparkTask)


class GenericSparkDeclaration(tasks.TaskDeclaration, total=False):
    """Keywords of a `GenericSparkTask`: those of any task, and what Spark must know.

    Attributes:
        main_class: Of a program for the JVM; empty for the one that its jar names.
        language: Of the application; by default that of its file: `.py`, `.jar` (Java) or `.R`.
        arguments: What it is started with; `{{.inputs.NAME}}`, `{{.outputPrefix}}` and `{{.rawOutputDataPrefix}}` are
            replaced.
        spark_conf: Settings of Spark.
        hadoop_conf: Settings of Hadoop.
        executor_path: The Python of a Python application, in the image.
    """

    main_class: str
    language: OneOf["Python", "Java", "Scala", "R"]
    arguments: Sequence[str]
    spark_conf: Mapping[str, str]
    hadoop_conf: Mapping[str, str]
    executor_path: str


class GenericSparkTask(tasks.Task[..., Any]):
    """An application that knows nothing of elevon.

    `count = GenericSparkTask("count", "local:///opt/count.jar", main_class="org.example.Count")`.
    """

    task_type = _TASK_TYPE

    def __init__(
        self, name: str, main_application_file: str, **declaration: Unpack[GenericSparkDeclaration]
    ) -> None:
        """Declare an application.

        Args:
            name: Its name in the module that declares it.
            main_application_file: The jar, Python or R file: `local://` and a path in the image, or where else Spark
                reads from.
            **declaration: See `GenericSparkDeclaration`.

        Raises:
            UserError: There is no file, or a setting is not supported.
        """
        options: dict[str, Any] = dict(declaration)
        given = {name: options.pop(name) for name in _OWN if name in options}
        site = definitions.of_caller("task", name, self)
        _refuse_databricks(site, options)
        super().__init__(name, **options)
        settings.check_for_cluster(self.site, self.settings)
        self.main_application_file = _text(self.site, "main_application_file", main_application_file)
        self.main_class = _text(self.site, "main_class", given.get("main_class", ""))
        self.language = self._language(given.get("language"))
        self.arguments = _words(self.site, given.get("arguments", ()))
        self.spark_conf = _confs(self.site, "spark_conf", given.get("spark_conf"))
        self.hadoop_conf = _confs(self.site, "hadoop_conf", given.get("hadoop_conf"))
        self.executor_path = _text(self.site, "executor_path", given.get("executor_path", ""))
        self._check_class()

    def message(self) -> SparkJob:
        """What the executor must know."""
        return SparkJob(
            applicationType=_TYPES[self.language],
            mainApplicationFile=self.main_application_file,
            mainClass=self.main_class,
            sparkConf=self.spark_conf,
            hadoopConf=self.hadoop_conf,
            executorPath=self.executor_path,
        )

    def container(self) -> messages.Container:
        """The arguments of the application."""
        return messages.Container(args=self.arguments)

    def _language(self, given: object) -> str:
        file = self.main_application_file
        if not file:
            raise self.site.error("main_application_file is empty: name the jar, Python or R file to run")
        found = _LANGUAGES.get(PurePosixPath(file).suffix.lower())
        if given is None:
            if found is None:
                raise self.site.error(
                    f"main_application_file={file!r} does not tell its language: set language"
                )
            return found[0]
        if not isinstance(given, str) or given not in _TYPES:
            raise self.site.error(f"language={given!r} is none of {', '.join(_TYPES)}")
        if found is not None and given not in found:
            raise self.site.error(
                f"main_application_file={file!r} is no {given} file: set language to {found[0]!r}"
            )
        return given

    def _check_class(self) -> None:
        if self.main_class and self.language in ("Python", "R"):
            raise self.site.error(
                f"main_class={self.main_class!r} is for programs of the JVM, and this one is in {self.language}: "
                "leave it out"
            )
        if self.executor_path and self.language != "Python":
            raise self.site.error(
                f"executor_path={self.executor_path!r} is for Python, and this is in {self.language}: leave it out"
            )


_OWN: Final = tuple(
    GenericSparkDeclaration.__annotations__.keys() - tasks.TaskDeclaration.__annotations__.keys()
)


def _confs(site: definitions.Site, name: str, given: object) -> dict[str, str]:
    """Settings of Spark or Hadoop, checked to be text, and the few that elevon reads to mean something."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise site.error(f'{name}={given!r} is no dict: write it as {{"spark.driver.memory": "2g"}}')
    made: dict[str, str] = {}
    for key, value in cast("Mapping[object, object]", given).items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise site.error(f"{name}[{key!r}]={value!r} is no text: write it as {str(value)!r}")
        if key in _COUNTS and not value.isdecimal():
            raise site.error(f"{name}[{key!r}]={value!r} is no count: write it as '2'")
        if key in _AMOUNTS and not _MEMORY.fullmatch(value):
            raise site.error(
                f"{name}[{key!r}]={value!r} is no amount of memory for Spark: write it as '2g' or '512m'"
            )
        made[key] = value
    return made


def _text(site: definitions.Site, name: str, given: object) -> str:
    if not isinstance(given, str):
        raise site.error(f"{name}={given!r} is no text")
    return given


def _words(site: definitions.Site, given: object) -> tuple[str, ...]:
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise site.error(f"arguments={given!r} is no list of words: write it as a list of strings")
    words = cast("Sequence[object]", given)
    texts = tuple(word for word in words if isinstance(word, str))
    if len(texts) < len(words):
        raise site.error(f"arguments={given!r} is no list of words: write it as a list of strings")
    return texts


def _refuse_databricks(site: definitions.Site, options: Mapping[str, Any]) -> None:
    for name in _DATABRICKS:
        if name in options:
            raise site.error(
                f"{name} is for Databricks, which the type 'spark' does not run on: leave it out, or use flytekit's "
                "task with its Databricks connector"
            )
