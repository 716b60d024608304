"""Phases of executions, nodes and attempts, spelled as on Flyte's wire where the wire has a word for them."""

import enum


class ExecutionPhase(enum.StrEnum):
    """`WorkflowExecution.Phase` of flyteidl."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    FAILING = "FAILING"
    ABORTING = "ABORTING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    ABORTED = "ABORTED"

    @property
    def is_terminal(self) -> bool:
        """Whether nothing can follow."""
        return self in _TERMINAL_EXECUTION


class NodePhase(enum.StrEnum):
    """`NodeExecution.Phase` of flyteidl; a node without a record has not started."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    DYNAMIC_RUNNING = "DYNAMIC_RUNNING"
    FAILING = "FAILING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    ABORTED = "ABORTED"
    SKIPPED = "SKIPPED"
    RECOVERED = "RECOVERED"

    @property
    def is_terminal(self) -> bool:
        """Whether nothing can follow."""
        return self in _TERMINAL_NODE

    @property
    def has_outputs(self) -> bool:
        """Whether successors may read outputs of a node in this phase."""
        return self in _OUTPUT_NODE


class AttemptPhase(enum.StrEnum):
    """`TaskExecution.Phase` of flyteidl, with the two phases that only the engine's own bookkeeping has.

    STARTING is the durable intent around `start_task`; KILLING the one around `kill_task`.
    """

    STARTING = "STARTING"
    WAITING_FOR_RESOURCES = "WAITING_FOR_RESOURCES"
    QUEUED = "QUEUED"
    INITIALIZING = "INITIALIZING"
    RUNNING = "RUNNING"
    KILLING = "KILLING"
    SUCCEEDED = "SUCCEEDED"
    RETRYABLE_FAILED = "RETRYABLE_FAILED"
    FAILED = "FAILED"
    ABORTED = "ABORTED"

    @property
    def is_terminal(self) -> bool:
        """Whether nothing but finalize can follow."""
        return self in _TERMINAL_ATTEMPT

    @property
    def is_followed(self) -> bool:
        """Whether the executor has accepted the attempt and is asked for its status."""
        return self in FOLLOWED


_TERMINAL_EXECUTION = frozenset({ExecutionPhase.SUCCEEDED, ExecutionPhase.FAILED, ExecutionPhase.ABORTED})
UNFINISHED = frozenset(ExecutionPhase) - _TERMINAL_EXECUTION
"""Phases of executions that something can follow."""
_OUTPUT_NODE = frozenset({NodePhase.SUCCEEDED, NodePhase.RECOVERED})
_TERMINAL_NODE = _OUTPUT_NODE | {NodePhase.FAILED, NodePhase.ABORTED, NodePhase.SKIPPED}
FOLLOWED = frozenset({AttemptPhase.QUEUED, AttemptPhase.INITIALIZING, AttemptPhase.RUNNING})
_TERMINAL_ATTEMPT = frozenset(
    {AttemptPhase.SUCCEEDED, AttemptPhase.RETRYABLE_FAILED, AttemptPhase.FAILED, AttemptPhase.ABORTED}
)


class Finalization(enum.StrEnum):
    """Where an attempt stands with `finalize_task`."""

    NOT_NEEDED = "NOT_NEEDED"
    PENDING = "PENDING"
    DONE = "DONE"
    ABANDONED = "ABANDONED"
