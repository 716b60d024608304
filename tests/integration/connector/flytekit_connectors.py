"""Connectors as flytekit's users write them; `pyflyte serve connector --modules flytekit_connectors` serves them.

They keep nothing: each call of them is a call of the test that started the service (`jobs.Jobs`), which says what
becomes of it.
"""

# pyright: reportMissingImports=false
import json
import os
import socket
from dataclasses import dataclass
from typing import Any

from flyteidl.core.execution_pb2 import TaskExecution, TaskLog
from flytekit.extend.backend.base_connector import (
    AsyncConnectorBase,
    ConnectorRegistry,
    Resource,
    ResourceMeta,
    SyncConnectorBase,
)


def ask(call: str, job: str, **details: Any) -> dict[str, Any]:
    with socket.create_connection(("127.0.0.1", int(os.environ["JOBS_PORT"]))) as connection:
        lines = connection.makefile("rw", encoding="utf-8")
        lines.write(json.dumps({"call": call, "job": job, **details}) + "\n")
        lines.flush()
        return json.loads(lines.readline())


@dataclass
class JobMeta(ResourceMeta):
    job: str


class BatchConnector(AsyncConnectorBase):
    name = "Batch Connector"

    def __init__(self) -> None:
        super().__init__(task_type_name="batch", metadata_type=JobMeta)

    async def create(
        self,
        task_template: Any,
        output_prefix: str,
        inputs: Any = None,
        task_execution_metadata: Any = None,
        **_: Any,
    ) -> JobMeta:
        identity = task_execution_metadata.task_execution_id
        job = f"{identity.node_execution_id.execution_id.name}-{identity.retry_attempt}"
        answer = ask("create", job, word=inputs.literals["word"].scalar.primitive.string_value)
        if "error" in answer:
            raise ValueError(answer["error"])
        return JobMeta(job)

    async def get(self, resource_meta: JobMeta, **_: Any) -> Resource:
        answer = ask("get", resource_meta.job)
        return Resource(
            phase=TaskExecution.Phase.Value(answer["phase"]),
            message=answer.get("message"),
            outputs=answer.get("outputs"),
            log_links=[TaskLog(name="job", uri=f"http://jobs/{resource_meta.job}")],
            custom_info={"job": resource_meta.job},
        )

    async def delete(self, resource_meta: JobMeta, **_: Any) -> None:
        ask("delete", resource_meta.job)


class ShoutConnector(SyncConnectorBase):
    name = "Shout Connector"

    def __init__(self) -> None:
        super().__init__(task_type_name="shout")

    async def do(self, task_template: Any, output_prefix: str, inputs: Any = None, **_: Any) -> Resource:
        word = inputs.literals["word"].scalar.primitive.string_value
        answer = ask("do", "shout", word=word)
        if "error" in answer:
            raise ValueError(answer["error"])
        return Resource(phase=TaskExecution.SUCCEEDED, outputs={"o0": word.upper()})


ConnectorRegistry.register(BatchConnector())
ConnectorRegistry.register(ShoutConnector())
