"""A workflow in a user's file, on its way to an execution.

It owns the sequence load, find, collect, serialize, compile for every command that takes a file. It must never write
anything.
"""

import contextlib
import sys
from collections.abc import Container, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from elevon import compiler, errors
from elevon.admin import executions
from elevon.cli import reports
from elevon.idl import pods
from elevon.idl.messages import CompiledWorkflowClosure
from elevon.propeller import unhonoured
from elevon.sdk import modules, serialization, sources
from elevon.sdk.tasks import Task
from elevon.sdk.workflows import Workflow

Entity = Workflow[..., Any] | Task[..., Any]


class Program(NamedTuple):
    """A workflow, or a task that is to run alone, with the code around it.

    Attributes:
        path: The file.
        entity: The workflow or task.
        bundle: The code that it needs.
    """

    path: Path
    entity: Entity
    bundle: sources.SourceBundle

    def serialize(self) -> serialization.Serialized:
        """Its templates; their version is the digest of the code."""
        return serialization.serialize(
            self.entity, project=executions.PROJECT, domain=executions.DOMAIN, version=self.bundle.digest[:20]
        )

    def task_types(self) -> Iterator[str]:
        """The types of its tasks; nothing is serialized before the first one is asked for."""
        for task in self.serialize().tasks:
            yield pods.served_type(task)

    def prepare(self, known_task_types: Container[str] | None) -> executions.NewExecution:
        """Compile it into what an execution needs, inputs aside.

        Raises:
            UserError: It can't be recorded, or not compiled; names everything that is wrong.
        """
        serialized = self.serialize()
        return executions.NewExecution(
            closure=compile_serialized(serialized, known_task_types),
            parameters=serialized.parameters,
            code=sources.encode(self.bundle),
            source_path=str(self.path.absolute()),
        )


def load(path: str, name: str) -> Program:
    """Import a file and find a workflow in it.

    Raises:
        UserError: The file can't be imported, or has no workflow of that name.
    """
    with contextlib.redirect_stdout(
        sys.stderr
    ):  # what a file prints when it is imported is no output of the run
        module = modules.load_file(path)
    if not name:
        known = ", ".join(workflows_of(module)) or "none"
        raise errors.UserError(f"the name of a workflow is missing: those of {path} are {known}")
    return Program(Path(path), modules.find_workflow(module, name), sources.collect_sources(module))


def warn(new: executions.NewExecution) -> None:
    """Say on stderr what the tasks ask for and do not get."""
    for sentence in unhonoured.warnings_of(compiler.index(new.closure)):
        reports.write(sys.stderr, f"warning: {sentence}\n")


def workflows_of(module: ModuleType) -> dict[str, Workflow[..., Any]]:
    """The workflows that a file defines itself, by name."""
    return {
        name: value
        for name, value in vars(module).items()
        if isinstance(value, Workflow) and value.site.module == module.__name__
    }


def compile_serialized(
    serialized: serialization.Serialized, known_task_types: Container[str] | None
) -> CompiledWorkflowClosure:
    """The closure of a serialized workflow; `CompilationError` with all problems if it has any."""
    templates = compiler.Templates(
        workflow=serialized.workflow, sub_workflows=serialized.sub_workflows, tasks=serialized.tasks
    )
    return compiler.compile(templates, known_task_types)
