"""From the message of a task to work items: what is asked for, checked field by field.

It owns the placeholders in a query's text, and which outputs a query can have. It must never ask a backend anything.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from elevon import errors
from elevon.idl.hive_jobs import QuboleHiveJob
from elevon.idl.messages import LiteralMap, TaskTemplate, Variable
from elevon.plugin import TaskContext
from elevon.plugin.placeholders import Place, replaced
from elevon.primitives import suggestions
from elevon.tasktypes.hive import limits, texts
from elevon.tasktypes.hive.configurations import HiveConfig
from elevon.tasktypes.hive.items import HiveState, Output, WorkItem

_PARQUET: Final = "parquet"


class _UriPaths:
    """The paths of an attempt, with its data as a URI: a query may be run where a bare path means another system."""

    def __init__(self, ctx: TaskContext[Any]) -> None:
        self.data_dir = ctx.data_dir
        self.inputs_file = ctx.inputs_file
        self.checkpoint_prefix = ctx.checkpoint_prefix
        self.previous_checkpoint_prefix = ctx.previous_checkpoint_prefix
        prefix = ctx.raw_output_prefix
        self.raw_output_prefix = prefix if "://" in prefix else Path(prefix).absolute().as_uri()


def read(
    ctx: TaskContext[Any], template: TaskTemplate, spec: QuboleHiveJob, inputs: LiteralMap, config: HiveConfig
) -> HiveState:
    """The state with which a task begins.

    Raises:
        UserError: The message asks for something that can't be; names the field.
    """
    problem = limits.problem_of_tags(spec.tags)
    if problem:
        raise errors.UserError(problem)
    label = spec.cluster_label or config.default_cluster_label
    if config.cluster_labels and not label and "" not in config.cluster_labels:
        raise errors.UserError(
            "cluster_label: the task names none, and there is no default: choose "
            f"{' or '.join(config.cluster_labels)}, or set [executors.hive] default_cluster_label"
        )
    if config.cluster_labels and label not in config.cluster_labels:
        raise errors.UserError(
            f"cluster_label: there is no cluster {label!r}: {suggestions.hint(label, config.cluster_labels)}"
        )
    paths = _UriPaths(ctx)
    place = Place(paths, ctx.task_execution_id.generated_name, ctx.namespace)
    attempt = ctx.task_execution_id.attempt
    return HiveState(
        backend=config.backend,
        name=f"{attempt.execution.name}/{attempt.node_id}",
        cluster_label=label,
        tags=tuple(spec.tags),
        items=tuple(_items(spec, place, inputs)),
        output=_output(template.interface.outputs.variables, paths.raw_output_prefix),
    )


def _items(spec: QuboleHiveJob, place: Place, inputs: LiteralMap) -> list[WorkItem]:
    named = [
        (f"query_collection.queries[{index}]", query)
        for index, query in enumerate(spec.query_collection.queries)
    ]
    if spec.HasField("query"):
        if any(query != spec.query for _, query in named):
            raise errors.UserError(
                "query_collection: there is a query beside it: use query for one, this for several"
            )
        named = [("query", spec.query)]
    if not named:
        raise errors.UserError("query: the task has none: set query in its custom message, a QuboleHiveJob")
    items: list[WorkItem] = []
    for field, query in named:
        problem = texts.problem_of_placeholders(query.query, inputs.literals)
        if problem:
            raise errors.UserError(f"{field}.query: {problem}")
        (text,) = replaced((query.query,), place, inputs)
        if not text.strip().strip(";").strip():
            raise errors.UserError(f"{field}.query: the query is empty")
        items.append(WorkItem(text=text, timeout_s=query.timeout_sec, retry_count=query.retryCount))
    return items


def _output(variables: Mapping[str, Variable], prefix: str) -> Output | None:
    if not variables:
        return None
    if len(variables) > 1:
        raise errors.UserError(
            f"interface.outputs: a hive job writes one data set, not {', '.join(sorted(variables))}: use a job for each"
        )
    ((name, variable),) = variables.items()
    kind = variable.type.WhichOneof("type") or ""
    is_directory = kind == "blob" and variable.type.blob.dimensionality == variable.type.blob.MULTIPART
    if not (is_directory or kind in ("schema", "structured_dataset_type")):
        raise errors.UserError(
            f"interface.outputs: a hive job writes a data set, and {name} is none: declare it as a directory, "
            "a structured dataset or a schema"
        )
    form = variable.type.structured_dataset_type.format or _PARQUET
    return Output(name, kind.removesuffix("_type"), prefix, form)
