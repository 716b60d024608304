"""The Hive executor on paper: a work item per query in the custom state, each submitted from a check, once."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Protocol

import msgspec
from google.protobuf.struct_pb2 import Struct  # stands in for the message of the queries

from elevon import errors
from elevon.idl import literals
from elevon.idl.messages import LiteralMap, TaskTemplate
from elevon.plugin import Executor, ExecutorProperties, SetupContext, TaskContext, TaskStatus
from elevon.records.attempts import LogLink


class QueryService(Protocol):
    """What is needed of the service; the real one is an adapter of its REST interface."""

    async def submit(self, query: str, cluster: str, label: str) -> str: ...

    async def find(self, label: str) -> str | None: ...

    async def status(self, command_id: str) -> str: ...

    async def kill(self, command_id: str) -> None: ...


class HiveConfig(msgspec.Struct, frozen=True):
    endpoint: str = "http://localhost:10000"
    max_parallel_count: int = 4


class WorkItem(msgspec.Struct, frozen=True):
    query: str
    cluster: str
    command_id: str = ""
    status: str = "PENDING"


class HiveState(msgspec.Struct, frozen=True):
    items: tuple[WorkItem, ...]
    output_names: tuple[str, ...]


class HiveExecutor(Executor[Struct, HiveState]):
    id = "hive"
    task_types = ("hive",)
    properties = ExecutorProperties(call_timeout=timedelta(seconds=30), generated_name_max_length=50)
    config_type = HiveConfig
    state_version = 2

    def __init__(self, service: QueryService) -> None:
        self._service = service
        self._max_parallel_count = 1

    async def initialize(self, setup: SetupContext[HiveConfig]) -> None:
        self._max_parallel_count = setup.config.max_parallel_count

    async def start_task(
        self, ctx: TaskContext[HiveState], template: TaskTemplate, spec: Struct, inputs: LiteralMap
    ) -> TaskStatus[HiveState]:
        queries = [item.string_value for item in spec.fields["queries"].list_value.values]
        if not queries:
            return TaskStatus.permanent_failure("the task holds no query")
        items = tuple(WorkItem(query, cluster="default") for query in queries)
        return TaskStatus.queued(HiveState(items, tuple(template.interface.outputs.variables)))

    async def check_task_status(self, ctx: TaskContext[HiveState]) -> TaskStatus[HiveState]:
        items = tuple([await self._advance(ctx, index, item) for index, item in enumerate(ctx.state.items)])
        state = msgspec.structs.replace(ctx.state, items=items)
        statuses = {item.status for item in items}
        if "FAILED" in statuses:
            return TaskStatus.retryable_failure("a query failed", state)
        if statuses == {"SUCCEEDED"}:
            outputs = {name: literals.string(ctx.raw_output_prefix) for name in state.output_names}
            return TaskStatus.succeeded(outputs, state)
        links = tuple(
            LogLink(item.command_id, f"https://hive/{item.command_id}") for item in items if item.command_id
        )
        done_count = sum(item.status == "SUCCEEDED" for item in items)
        return TaskStatus.running(
            state,
            phase_version=done_count,
            log_links=links,
            custom_info={"done": done_count, "of": len(items)},
        )

    async def kill_task(self, ctx: TaskContext[HiveState], reason: str) -> None:
        for intent in ctx.intents.values():
            known = intent.result if intent.is_done else await self._service.find(intent.token)
            if isinstance(known, str):
                await self._service.kill(known)

    def migrate(self, old_version: int, raw: Mapping[str, object]) -> Mapping[str, object]:
        if old_version == 1:
            return {**raw, "output_names": []}
        raise errors.CorruptStateError(f"no migration from version {old_version}")

    async def _advance(self, ctx: TaskContext[HiveState], index: int, item: WorkItem) -> WorkItem:
        if not item.command_id:

            async def submit(token: str) -> str:
                return await self._service.submit(item.query, item.cluster, token)

            command_id = await ctx.once(f"query-{index}", submit, find=self._service.find)
            return msgspec.structs.replace(item, command_id=command_id, status="RUNNING")
        return msgspec.structs.replace(item, status=await self._service.status(item.command_id))
