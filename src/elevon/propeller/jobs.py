"""From a template to a job: what the launcher runs for one attempt.

It owns the placeholders of a container's command (`{{.input}}`, ...; the spellings that Flyte accepts) and the
environment that a task process finds, named as Flyte's propeller names it.
"""

import re
from collections.abc import Callable
from typing import Any, cast

from elevon import errors, ports
from elevon.compiler import quantities
from elevon.compiler.graphs import TaskSettings
from elevon.idl.messages import LiteralMap, Resources, TaskTemplate
from elevon.plugin.contexts import Launch
from elevon.propeller.layouts import AttemptPaths
from elevon.records.executions import ExecutionRecord
from elevon.records.identities import AttemptId
from elevon.sdk import types

ENTRYPOINT = "elevon-execute"
_PLACEHOLDER = re.compile(r"\{\{\s*[.$](\w+(?:\.\w+)?)\s*\}\}")


class Jobs:
    """Makes the jobs of one execution.

    Args:
        execution: Its record.
    """

    def __init__(self, execution: ExecutionRecord) -> None:
        self._execution = execution

    def describe(
        self,
        attempt: AttemptId,
        name: str,
        template: TaskTemplate,
        settings: TaskSettings,
        paths: AttemptPaths,
    ) -> ports.Job:
        """The job that the template describes, without its inputs and with its placeholders.

        Raises:
            UserError: The template has no container.
        """
        if not template.HasField("container"):
            raise errors.UserError(
                f"task {template.id.name!r} of type {template.type!r} has no container to run: "
                "its executor must not use the launcher"
            )
        container = template.container
        return ports.Job(
            id=attempt,
            name=name,
            args=(*container.command, *container.args),
            code_digest=self._execution.code_digest,
            environment={pair.key: pair.value for pair in container.env} | _environment(attempt, template),
            cpu_slots=settings.cpu_slots,
            memory_bytes=_memory_limit(container.resources),
            data_dir=paths.data_dir,
            raw_output_prefix=paths.raw_output_prefix,
        )


def launched(job: ports.Job, launch: Launch, inputs: Callable[[], bytes], paths: AttemptPaths) -> ports.Job:
    """The job as it is to be run: with inputs, with what the executor changes, placeholders replaced.

    Args:
        job: As described by the template.
        launch: What the executor changes.
        inputs: The node's inputs, serialized; asked for only if the executor gave none.
        paths: Where the attempt's files are.
    """
    content = inputs() if launch.inputs is None else launch.inputs.SerializeToString(deterministic=True)
    described = launch.args or job.args
    entrypoint = _entrypoint(described)
    args = () if entrypoint else _replaced(described, paths, job, content)
    return ports.Job(
        id=job.id,
        name=job.name,
        args=args,
        entrypoint=entrypoint,
        code_digest=job.code_digest,
        inputs=content,
        environment=job.environment | dict(launch.environment),
        cpu_slots=job.cpu_slots,
        memory_bytes=job.memory_bytes,
        data_dir=job.data_dir,
        raw_output_prefix=job.raw_output_prefix,
    )


def _entrypoint(args: tuple[str, ...]) -> tuple[str, str] | None:
    """Module and name of a Python task, if the command is elevon's own; such a job needs no process of its own."""
    if not args or args[0] != ENTRYPOINT or "--" not in args:
        return None
    module, name = args[args.index("--") + 1 :]
    return module, name


def _replaced(args: tuple[str, ...], paths: AttemptPaths, job: ports.Job, content: bytes) -> tuple[str, ...]:
    """A command with its placeholders replaced; an unknown one stays, as the command may mean it."""
    literals = LiteralMap.FromString(content)

    def text_of(found: re.Match[str]) -> str:
        family, _, name = found[1].partition(".")
        if name and family.lower() == "inputs" and name in literals.literals:
            return _text(types.literal_to_json(literals.literals[name]))
        known = _KNOWN.get(found[1].lower())
        return found[0] if known is None else known(paths, job)

    return tuple(_PLACEHOLDER.sub(text_of, argument) for argument in args)


_KNOWN: dict[str, Callable[[AttemptPaths, ports.Job], str]] = {
    "input": lambda paths, _job: str(paths.inputs_file),
    "inputprefix": lambda paths, _job: str(paths.data_dir),
    "outputprefix": lambda paths, _job: str(paths.data_dir),
    "rawoutputdataprefix": lambda paths, _job: paths.raw_output_prefix,
    "perretryuniquekey": lambda _paths, job: job.name,
    "namespace": lambda _paths, job: f"{job.id.execution.project}-{job.id.execution.domain}",
    "checkpointoutputprefix": lambda paths, _job: f"{paths.raw_output_prefix}/_flytecheckpoints",
    "prevcheckpointprefix": lambda _paths, _job: '""',
}


def _text(value: Any) -> str:
    """An input as Flyte prints it into a command: lists as `[a,b]`, the rest plainly."""
    if isinstance(value, list):
        return f"[{','.join(_text(item) for item in cast('list[Any]', value))}]"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _environment(attempt: AttemptId, template: TaskTemplate) -> dict[str, str]:
    execution = attempt.execution
    return {
        "FLYTE_INTERNAL_EXECUTION_ID": execution.name,
        "FLYTE_INTERNAL_EXECUTION_PROJECT": execution.project,
        "FLYTE_INTERNAL_EXECUTION_DOMAIN": execution.domain,
        "FLYTE_INTERNAL_TASK_PROJECT": template.id.project,
        "FLYTE_INTERNAL_TASK_DOMAIN": template.id.domain,
        "FLYTE_INTERNAL_TASK_NAME": template.id.name,
        "FLYTE_INTERNAL_TASK_VERSION": template.id.version,
        "FLYTE_ATTEMPT_NUMBER": str(attempt.attempt),
        # Flyte has no variable for the node.
        "ELEVON_NODE_ID": attempt.node_id,
    }


def _memory_limit(resources: Resources) -> int:
    """The container's memory limit in bytes; 0 for none."""
    for entry in resources.limits:
        if entry.name == Resources.MEMORY:
            return int(quantities.parse(entry.value))
    return 0
