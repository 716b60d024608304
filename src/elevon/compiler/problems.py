"""What is wrong with templates, in the form that programs and people read.

It owns the collecting: every check reports and goes on, so that one compilation names all mistakes. It must never
decide what a mistake is.
"""

import enum

import msgspec

from elevon import errors
from elevon.idl import workflow_names


class Code(enum.StrEnum):
    """Kinds of problems, under the names of Flyte's compiler where it has one."""

    BRANCH_NODE_HAS_NO_DEFAULT = "BranchNodeHasNoDefault"
    CYCLE_DETECTED = "CycleDetected"
    DUPLICATE_ID = "DuplicateId"
    INVALID_VALUE = "InvalidValue"
    MISMATCHING_TYPES = "MismatchingTypes"
    NODE_REFERENCE_NOT_FOUND = "NodeReferenceNotFound"
    PARAMETER_BOUND_MORE_THAN_ONCE = "ParameterBoundMoreThanOnce"
    PARAMETER_NOT_BOUND = "ParameterNotBound"
    TASK_REFERENCE_NOT_FOUND = "TaskReferenceNotFound"
    UNKNOWN_TASK_TYPE = "UnknownTaskType"
    UNSUPPORTED = "Unsupported"
    VALUE_REQUIRED = "ValueRequired"
    VARIABLE_NAME_NOT_FOUND = "VariableNameNotFound"
    WORKFLOW_REFERENCE_NOT_FOUND = "WorkflowReferenceNotFound"


class Place(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a problem is; what does not apply is empty.

    Attributes:
        workflow: Name of the workflow.
        node: Id of the node; for one in a branch, the ids from the branch inwards, joined by a slash.
        task: Name of the task, where the problem is the task's own.
        variable: Name of the input or output.
        is_output: Whether the variable is an output of the workflow.
    """

    workflow: str = ""
    node: str = ""
    task: str = ""
    variable: str = ""
    is_output: bool = False

    def __str__(self) -> str:
        direction = "output" if self.is_output else "input"
        workflow = workflow_names.spelled(self.workflow)
        named = {"workflow": workflow, "node": self.node, "task": self.task, direction: self.variable}
        return ", ".join(f"{kind} {name!r}" for kind, name in named.items() if name)

    def at(self, variable: str, *, is_output: bool = False) -> "Place":
        """The place of a variable here."""
        return msgspec.structs.replace(self, variable=variable, is_output=is_output)


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One mistake in the templates.

    Attributes:
        code: Its kind.
        place: Where it is.
        sentence: What is wrong, where, and how it is mended.
    """

    code: Code
    place: Place
    sentence: str


class CompilationError(errors.UserError):
    """The templates make no workflow that can run.

    Attributes:
        problems: All that is wrong, in the order of the templates.
    """

    def __init__(self, workflow: str, problems: tuple[Problem, ...]) -> None:
        lines = [problem.sentence for problem in problems]
        heading = f"workflow {workflow_names.spelled(workflow)!r} has {len(lines)} problems:"
        super().__init__(lines[0] if len(lines) == 1 else "\n- ".join([heading, *lines]))
        self.problems = problems


class Report:
    """Collects problems while the checks run."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def add(self, code: Code, place: Place, text: str) -> None:
        """Report a problem; the place is put before the text."""
        self.problems.append(
            Problem(code=code, place=place, sentence=f"{place}: {text}" if str(place) else text)
        )
