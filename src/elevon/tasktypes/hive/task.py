"""The author's side of hive: queries as tasks, and functions that make queries when they run.

`HiveTask` is one query that is known beforehand; `@hive_task` wraps a function whose queries become nodes of type
`hive` under its own, through a futures file. This module must never talk to a backend.
"""

import dataclasses
import functools
import reprlib
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, TypeAlias, Unpack, cast

from elevon import errors
from elevon.idl.hive_jobs import HiveQuery as HiveQueryMessage
from elevon.idl.hive_jobs import QuboleHiveJob
from elevon.sdk import dynamics, interfaces, settings, tasks, tracing
from elevon.sdk.types import Directory
from elevon.sdk.types.transformers import bare
from elevon.tasktypes.hive import limits, texts

_OUTPUT: Final = "o0"


class WrongQueryError(errors.UserError):
    """A query that can't be, which the function of a task made: the place is the task's, not this module's."""


class HiveQuery:
    """A query that a function makes.

    Args:
        text: In Hive's language. `{{ .rawOutputDataPrefix }}` stands for the directory of its own where its data set
            goes, `{{ .perRetryUniqueKey }}` for a name that no other attempt has.
        timeout: A try that runs longer is cancelled, and has failed; in whole seconds. None for no limit.
        retries: How many tries may follow the first.
        after: Queries that must have succeeded before; they are run too.

    Raises:
        UserError: The text is empty, or a number can't be.
    """

    def __init__(
        self,
        text: str,
        *,
        timeout: timedelta | None = None,
        retries: int = 0,
        after: "Sequence[str | HiveQuery]" = (),
    ) -> None:
        if not isinstance(text, str) or not text.strip().strip(";").strip():  # pyright: ignore[reportUnnecessaryIsInstance]
            raise WrongQueryError(f"query: {text!r} is empty: write a query in Hive's language")
        if retries < 0:
            raise WrongQueryError(f"retries={retries} of a query is negative: use 0 or more")
        if timeout is not None and (timeout < timedelta(seconds=1) or timeout % timedelta(seconds=1)):
            raise WrongQueryError(
                f"timeout={timeout} of a query is not possible: use whole seconds, 1 or more"
            )
        self.text = text
        self.timeout = timeout
        self.retries = retries
        self.after = tuple(one if isinstance(one, HiveQuery) else HiveQuery(one) for one in after)
        self.has_output = False


class _Selection(HiveQuery):
    """A query whose rows are a data set."""

    def __init__(self, text: str, **options: Any) -> None:
        super().__init__(text, **options)
        try:
            self.text = texts.written(self.text)
        except errors.UserError as error:
            raise WrongQueryError(str(error)) from None
        self.has_output = True


def select(
    text: str,
    *,
    timeout: timedelta | None = None,
    retries: int = 0,
    after: Sequence[str | HiveQuery] = (),
) -> Directory:
    """A query whose rows become the data set that a function of `@hive_task` returns, a directory of parquet files.

    Args:
        text: A SELECT; or any text that writes to `'{{ .rawOutputDataPrefix }}'` itself, as parquet.
        timeout: See `HiveQuery`.
        retries: See `HiveQuery`.
        after: See `HiveQuery`.

    Raises:
        UserError: The text is empty or several statements, or a number can't be.
    """
    # What the function returns when it runs is a query, and for whoever calls the task it is a data set.
    return cast("Directory", _Selection(text, timeout=timeout, retries=retries, after=after))


Queries: TypeAlias = str | HiveQuery | Sequence[str | HiveQuery] | None
_WITHOUT_OUTPUTS: Final = (str, list[str], HiveQuery, list[HiveQuery], list[str | HiveQuery], Queries)


class HiveTask(tasks.Task[..., Any]):
    """One query, `load = HiveTask("load", "INSERT ...")`, or a data set of its rows with `outputs={"o0": Directory}`.

    `{{ .inputs.NAME }}` in the text stands for an input, which is put in as it is: quote it as the text needs.
    """

    task_type = "hive"

    def __init__(
        self,
        name: str,
        query_template: str | HiveQuery,
        *,
        cluster_label: str = "",
        tags: Sequence[str] = (),
        inputs: Mapping[str, Any] | None = None,
        outputs: Mapping[str, Any] | None = None,
        **options: Unpack[settings.TaskOptions],
    ) -> None:
        """Declare a query.

        Args:
            name: Its name in the module that declares it.
            query_template: The text, or more than the text.
            cluster_label: Where it is to run; empty for the default.
            tags: For whoever looks at the service.
            inputs: Annotation of each input, by name.
            outputs: `{"o0": Directory}` for a data set of the rows that it selects.
            **options: Settings of any task.

        Raises:
            UserError: The query is empty, or has a placeholder that stands for nothing; a tag is too long, or there are
                too many.
        """
        super().__init__(name, inputs=inputs or {}, outputs=outputs or {}, **options)
        try:
            query = query_template if isinstance(query_template, HiveQuery) else HiveQuery(query_template)
            self._text = texts.written(query.text) if outputs else query.text
        except errors.UserError as error:
            raise self.site.error(str(error)) from None
        problem = texts.problem_of_placeholders(query.text, self.interface.inputs)
        if problem:
            raise self.site.error(f"query: {problem}")
        if query.after:
            raise self.site.error("after: a task of one query has no others: call a task for each, in order")
        self._query = query
        self._cluster_label = cluster_label
        self._tags = _checked_tags(self, tags)

    def message(self) -> QuboleHiveJob:
        """What the executor must know."""
        query = HiveQueryMessage(query=self._text, retryCount=self._query.retries)
        if self._query.timeout is not None:
            query.timeout_sec = int(self._query.timeout.total_seconds())
        return QuboleHiveJob(query=query, cluster_label=self._cluster_label, tags=self._tags)


class BatchHiveTask(tasks.RunnableTask[tasks.P, tasks.R_co]):
    """A function that returns queries, which then run as nodes under its own; see `hive_task`."""

    task_type = "batch_hive"
    annotations_of_nothing = _WITHOUT_OUTPUTS

    def __init__(
        self,
        function: Callable[tasks.P, tasks.R_co],
        *,
        cluster_label: str = "",
        tags: Sequence[str] = (),
        **options: Unpack[settings.TaskOptions],
    ) -> None:
        """Wrap a function.

        Args:
            function: Returns `select(...)`, or a tuple of them, annotated `Directory`; or one query or a list of them,
                annotated `str`, `HiveQuery` or a list of these, and then the task has no outputs.
            cluster_label: Where the queries are to run; empty for the default.
            tags: For whoever looks at the service.
            **options: Settings of the function, not of its queries.

        Raises:
            UserError: The function or a setting is not supported, a tag is too long, or there are too many.
        """
        super().__init__(function, **options)
        self._cluster_label = cluster_label
        self._tags = _checked_tags(self, tags)

    def execute(self, /, **inputs: Any) -> Any:
        """Run the function, and compile each query that it returns into a node of type `hive`."""
        function: Callable[..., Any] = self.function
        with tracing.recording(None):
            try:
                made = function(**inputs)
            except WrongQueryError as error:
                raise self.site.error(str(error)) from None
        return dynamics.record_futures(self, functools.partial(self._recorded, made))

    def _recorded(self, made: Any) -> Any:
        """Call a task for each query; what the interface promises, with what they write in its place."""
        recorder = _Recorder(self, self._cluster_label, self._tags)
        if self.interface.shape is interfaces.Shape.NOTHING:
            given: Any = [] if made is None else made
            for query in cast("list[Any]", given if isinstance(given, list | tuple) else [given]):
                recorder.call(query)
            return None
        values = self.interface.unpack(self.site, made)
        for name, parameter in self.interface.outputs.items():
            annotation = bare(parameter.annotation)
            if isinstance(values[name], HiveQuery):
                values[name] = self._data_set(recorder, name, annotation, values[name])
            elif annotation is Directory and _is_text_of_queries(values[name]):
                raise self.site.error(
                    f"output {name!r} is {reprlib.repr(values[name])}, which is no directory: return "
                    'select("SELECT ...") for a data set of its rows, or annotate the function -> list[str] for '
                    "queries without one"
                )
        return self.interface.pack(values)

    def _data_set(self, recorder: "_Recorder", name: str, annotation: Any, query: HiveQuery) -> Any:
        if annotation is not Directory or not query.has_output:
            raise self.site.error(
                f"output {name!r} is a query: annotate it Directory and return select(...) for a data set of its rows, "
                "or annotate the function -> list[str] for queries without one"
            )
        return recorder.call(query)


class _Recorder:
    """Calls a task for each query, once."""

    def __init__(self, owner: BatchHiveTask[..., Any], cluster_label: str, tags: Sequence[str]) -> None:
        self._owner = owner
        self._cluster_label = cluster_label
        self._tags = tags
        self._results: dict[int, tuple[HiveQuery, Any]] = {}

    def call(self, query: Any) -> Any:
        """The result of the task of a query, those before it called first."""
        site = self._owner.site
        if isinstance(query, str):
            try:
                query = HiveQuery(query)
            except errors.UserError as error:
                raise site.error(str(error)) from None
        if not isinstance(query, HiveQuery):
            raise site.error(
                f"returned {query!r}, which is no query: return text, HiveQuery(...) or select(...)"
            )
        if id(query) in self._results:
            return self._results[id(query)][1]
        problem = texts.problem_of_placeholders(query.text, ())
        if problem:
            raise site.error(f"query: {problem}")
        before = [self.call(one) for one in query.after]
        task = HiveTask(
            f"{site.name}.query{len(self._results)}",
            _alone(query),
            cluster_label=self._cluster_label,
            tags=self._tags,
            outputs={_OUTPUT: Directory} if query.has_output else {},
        )
        task.site = dataclasses.replace(site, name=task.site.name)
        result = task.with_overrides(after=before)() if before else task()
        self._results[id(query)] = (query, result)
        return result


def _is_text_of_queries(value: Any) -> bool:
    """Whether somebody has returned queries as they are written, and no path."""
    if isinstance(value, list | tuple):
        return all(isinstance(one, str | HiveQuery) for one in cast("list[Any]", value))
    return isinstance(value, str) and len(value.split()) > 1 and not Path(value).exists()


def _alone(query: HiveQuery) -> HiveQuery:
    return HiveQuery(query.text, timeout=query.timeout, retries=query.retries)


def _checked_tags(task: tasks.Task[..., Any], tags: Sequence[str]) -> tuple[str, ...]:
    are_texts = not isinstance(tags, str) and all(isinstance(tag, str) for tag in tags)  # pyright: ignore[reportUnnecessaryIsInstance]
    problem = limits.problem_of_tags(tags) if are_texts else "tags: give a list of texts"
    if problem:
        raise task.site.error(problem)
    return tuple(tags)


hive_task = tasks.task_decorator(BatchHiveTask)
"""A function whose queries run as nodes under its own:

    @hive_task(cluster_label="default", tags=["airports"])
    def high(feet: int) -> Directory:
        return select(f"SELECT icao, elevation FROM airports WHERE elevation > {feet}")
"""
