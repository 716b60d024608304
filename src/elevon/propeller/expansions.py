"""Futures of one execution, from what a task returned to the graph that its node goes on as.

It owns the order: checked, compiled and stored before the machine hears of them, so that whatever a node's record says
it goes on as is there for every later engine. It must never decide what becomes of a node.
"""

import asyncio
import logging

import msgspec
from google.protobuf.message import DecodeError

from elevon import compiler, errors
from elevon.compiler.graphs import Graph
from elevon.idl.messages import CompiledWorkflowClosure, DynamicJobSpec, TaskTemplate
from elevon.ports import StateStore
from elevon.primitives import failpoints, ids
from elevon.propeller.services import Services
from elevon.records.answers import Answer
from elevon.records.failures import Failure
from elevon.records.identities import ExecutionId
from elevon.records.nodes import Expansion
from elevon.records.phases import AttemptPhase
from elevon.records.snapshots import StoredExecution

DEPTH_LIMIT = 64
_SHOWN_COUNT = 100
_log = logging.getLogger(__name__)


class Expansions:
    """Takes in the futures of an execution.

    Args:
        execution: Whose.
        graphs: Of the view: those that the machine knows, by digest; what is taken in is added.
        services: Adapters and settings.
    """

    def __init__(self, execution: ExecutionId, graphs: dict[str, Graph], services: Services) -> None:
        self._execution = execution
        self._graphs = graphs
        self._services = services
        self._said: set[str] = set()

    async def take_in(
        self, answer: Answer, node_id: str, task: TaskTemplate
    ) -> tuple[Answer, Expansion | None]:
        """Make futures what their node can go on as, durably.

        Args:
            answer: A success with futures.
            node_id: Of the node.
            task: What it runs.

        Returns:
            The answer without futures, and what they became; for futures that can't run, a failure that says why.

        Raises:
            UnavailableError: They could not be stored.
        """
        try:
            spec = DynamicJobSpec.FromString(answer.futures or b"")
            _ensure_depth(node_id)
            await self._services.executors.ready({each.type for each in spec.tasks})
            content, graph = await asyncio.to_thread(self._compile, spec, task)
        except (errors.UserError, DecodeError) as error:
            return _failed(answer, task, error), None
        digest = ids.digest(content)
        failpoints.hit("expansions.before_store")
        await self._services.store.put_artifact(self._execution, digest, content)
        failpoints.hit("expansions.after_store")
        self._graphs.setdefault(digest, graph)
        self._warn(graph)
        expansion = Expansion(digest, compiler.min_success_count(spec))
        return msgspec.structs.replace(answer, futures=None), expansion

    def _compile(self, spec: DynamicJobSpec, task: TaskTemplate) -> tuple[bytes, Graph]:
        """The closure, serialized, and its graph; in a thread, because a thousand nodes take a while."""
        registry = self._services.executors.registry
        known_types = None if registry.has_default else registry.known_types
        closure = compiler.compile_futures(spec, task, known_types)
        return closure.SerializeToString(deterministic=True), compiler.index(closure)

    def _warn(self, graph: Graph) -> None:
        """Say once what tasks ask for in vain; of the workflow itself that was said before it began."""
        # It needs the SDK, which an engine without futures need not load.
        from elevon.propeller import unhonoured

        for sentence in unhonoured.warnings_of(graph):
            if sentence not in self._said:
                self._said.add(sentence)
                _log.warning("%s", sentence)


async def load(stored: StoredExecution, store: StateStore) -> dict[str, Graph]:
    """The graphs that the nodes of an execution go on as, by the digests of their closures.

    Raises:
        NotFoundError: One is not in the store.
    """
    return {
        digest: compiler.index(CompiledWorkflowClosure.FromString(await store.get_artifact(digest)))
        for digest in stored.expansion_digests
    }


def _ensure_depth(node_id: str) -> None:
    """Raise for a node that is too deep down to have nodes under it."""
    depth = node_id.count("/")
    if depth >= DEPTH_LIMIT:
        raise errors.UserError(
            f"nodes are nested at most {DEPTH_LIMIT} deep, and this one is: does the task call itself without an end?"
        )


def _failed(answer: Answer, task: TaskTemplate, error: Exception) -> Answer:
    """The answer of a task whose futures can't run; all that is wrong with them, unless that would fill a book."""
    text = str(error)
    if isinstance(error, compiler.CompilationError) and len(error.problems) > _SHOWN_COUNT:
        shown = [problem.sentence for problem in error.problems[:_SHOWN_COUNT]]
        text = "\n- ".join([f"{len(error.problems)} problems, the first {_SHOWN_COUNT} being", *shown])
    failure = Failure(
        code="USER:BadFutures",
        message=f"task {task.id.name} returned futures that can't run: {text}",
        kind=errors.ErrorKind.USER,
        is_recoverable=False,
    )
    return msgspec.structs.replace(answer, phase=AttemptPhase.FAILED, futures=None, failure=failure)
