"""The variables that a process of a task finds, named as Flyte's propeller names them.

It exists for whoever starts such a process: the launcher here, a pod or a service elsewhere.
"""

from elevon.idl.messages import Identifier
from elevon.records.identities import AttemptId, ExecutionId


def of_task(execution: ExecutionId, task: Identifier) -> dict[str, str]:
    """What is the same for all attempts of a task in an execution."""
    return {
        "FLYTE_INTERNAL_EXECUTION_ID": execution.name,
        "FLYTE_INTERNAL_EXECUTION_PROJECT": execution.project,
        "FLYTE_INTERNAL_EXECUTION_DOMAIN": execution.domain,
        "FLYTE_INTERNAL_TASK_PROJECT": task.project,
        "FLYTE_INTERNAL_TASK_DOMAIN": task.domain,
        "FLYTE_INTERNAL_TASK_NAME": task.name,
        "FLYTE_INTERNAL_TASK_VERSION": task.version,
    }


def of_attempt(attempt: AttemptId) -> dict[str, str]:
    """What tells one attempt from the others."""
    return {
        "FLYTE_ATTEMPT_NUMBER": str(attempt.attempt),
        # Flyte has no variable for the node.
        "ELEVON_NODE_ID": attempt.node_id,
    }
