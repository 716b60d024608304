"""From a template to a job: what the launcher runs for one attempt.

The secrets of a job are looked up as late as its start.
"""

from collections.abc import Callable, Sequence

import msgspec

from elevon import errors, ports
from elevon.idl.messages import LiteralMap, Resources, Secret, TaskTemplate
from elevon.plugin import environments, placeholders
from elevon.plugin.contexts import Launch
from elevon.plugin.invocations import AttemptPaths
from elevon.primitives import quantities
from elevon.records.executions import ExecutionRecord
from elevon.records.identities import AttemptId

ENTRYPOINT = "elevon-execute"


class _Described(msgspec.Struct, frozen=True, kw_only=True):
    """What a template says of the jobs of all its attempts."""

    args: tuple[str, ...]
    entrypoint: tuple[str, str] | None
    environment: dict[str, str]
    memory_bytes: int


class JobPlace(msgspec.Struct, frozen=True, kw_only=True):
    """Whose job it is, and where.

    Attributes:
        id: The attempt.
        name: Its generated name.
        cpu_slots: How many slots it takes.
        paths: Where its files are.
    """

    id: AttemptId
    name: str
    cpu_slots: int
    paths: AttemptPaths


class Jobs:
    """Makes the jobs of one execution.

    Args:
        execution: Its record.
    """

    def __init__(self, execution: ExecutionRecord) -> None:
        self._execution = execution
        self._described: dict[int, _Described] = {}

    def make(
        self, place: JobPlace, template: TaskTemplate, launch: Launch, inputs: Callable[[], bytes]
    ) -> ports.Job:
        """The job that the template describes, with what the executor changes and its placeholders replaced.

        Args:
            place: Whose job it is, and where.
            template: The task; one of the execution's graph, which outlives this object.
            launch: What the executor changes.
            inputs: The node's inputs, serialized; asked for only if the executor gave none.

        Raises:
            UserError: The template has no container.
        """
        described = self._describe(template)
        content = inputs() if launch.inputs is None else launch.inputs.SerializeToString(deterministic=True)
        entrypoint = described.entrypoint if launch.args is None else _entrypoint(launch.args)
        args = () if entrypoint else _replaced(launch.args or described.args, place, content)
        return ports.Job(
            id=place.id,
            name=place.name,
            args=args,
            entrypoint=entrypoint,
            code_digest=self._execution.code_digest,
            inputs=content,
            environment={
                **described.environment,
                **environments.of_attempt(place.id),
                **launch.environment,
            },
            cpu_slots=place.cpu_slots,
            memory_bytes=described.memory_bytes,
            data_dir=place.paths.data_dir,
            raw_output_prefix=place.paths.raw_output_prefix,
        )

    def _describe(self, template: TaskTemplate) -> _Described:
        known = self._described.get(id(template))
        if known is not None:
            return known
        if not template.HasField("container"):
            raise errors.UserError(
                f"task {template.id.name!r} of type {template.type!r} has no container to run: "
                "its executor must not use the launcher"
            )
        container = template.container
        args = (*container.command, *container.args)
        own = {pair.key: pair.value for pair in container.env}
        made = _Described(
            args=args,
            entrypoint=_entrypoint(args),
            environment=own | environments.of_task(self._execution.id, template.id),
            memory_bytes=_memory_limit(container.resources),
        )
        self._described[id(template)] = made
        return made


async def secrets_of(template: TaskTemplate, store: ports.SecretStore) -> tuple[ports.JobSecret, ...]:
    """The secrets that a task asks for.

    Where there is none of that name the task fails at once, before anything of it runs, and no retry helps: most often
    the name is mistyped, which no waiting mends, and a secret that was forgotten is mended by `elevon recover`, which
    repeats this task alone.

    Raises:
        NotFoundError: There is no such secret.
        UnavailableError: It can't be read now.
    """
    if not template.HasField("security_context"):
        return ()
    return tuple(
        [
            ports.JobSecret(
                group=asked.group,
                key=asked.key,
                group_version=asked.group_version,
                value=await store.get(asked.group, asked.key, asked.group_version),
                is_file=asked.mount_requirement == Secret.FILE,
                env_var=asked.env_var,
            )
            for asked in template.security_context.secrets
        ]
    )


def _entrypoint(args: tuple[str, ...]) -> tuple[str, str] | None:
    """Module and name of a Python task, if the command is elevon's own; such a job needs no process of its own."""
    if not args or args[0] != ENTRYPOINT or "--" not in args:
        return None
    module, name = args[args.index("--") + 1 :]
    return module, name


def _replaced(args: Sequence[str], place: JobPlace, content: bytes) -> tuple[str, ...]:
    execution = place.id.execution
    named = placeholders.Place(place.paths, place.name, f"{execution.project}-{execution.domain}")
    return placeholders.replaced(args, named, LiteralMap.FromString(content))


def _memory_limit(resources: Resources) -> int:
    """The container's memory limit in bytes; 0 for none."""
    for entry in resources.limits:
        if entry.name == Resources.MEMORY:
            return int(quantities.parse(entry.value))
    return 0
