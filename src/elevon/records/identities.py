"""Identities of executions, nodes and attempts, as values that can be keys."""

import msgspec


class ExecutionId(msgspec.Struct, frozen=True, gc=False, order=True):
    """`WorkflowExecutionIdentifier` of flyteidl.

    Attributes:
        project: Namespace of a team; `default` on a laptop.
        domain: Stage; `development` on a laptop.
        name: Unique within project and domain.
    """

    project: str
    domain: str
    name: str

    def __str__(self) -> str:
        return f"{self.project}:{self.domain}:{self.name}"


class AttemptId(msgspec.Struct, frozen=True, gc=False, order=True):
    """`TaskExecutionIdentifier` of flyteidl, without the task's own id.

    Attributes:
        execution: The execution it belongs to.
        node_id: The node's unique id in the execution, parents included: `n0`, `n1/n0`.
        attempt: Counts from 0; the wire's `retry_attempt`.
    """

    execution: ExecutionId
    node_id: str
    attempt: int

    def __str__(self) -> str:
        return f"{self.execution}/{self.node_id}#{self.attempt}"

    @property
    def spelled(self) -> str:
        """What people call it inside of its execution, as `elevon show` names both."""
        return f"{self.node_id}, attempt {self.attempt}"
