"""The real flytekit finds the secrets that a task is given, and asks for them as elevon reads it."""

import base64
import json
import os
from pathlib import Path

from elevon.idl import messages
from elevon.ports import JobSecret
from elevon.propeller import jobs
from elevon.secrets import EnvironmentSecretStore
from elevon.workers import mounts
from tests.wire.conftest import run_with_flytekit

READ = """
import json, sys
from flytekit import current_context
from flytekit.core.context_manager import ExecutionState, FlyteContextManager
context = FlyteContextManager.current_context()
state = context.execution_state.with_params(mode=ExecutionState.Mode.TASK_EXECUTION)
with FlyteContextManager.with_context(context.with_execution_state(state)):
    secrets = current_context().secrets
    print(json.dumps([secrets.get("db", "Password"), secrets.get("tls", "key", "v2"), secrets.db.password]))
"""
ASK = """
import base64
from flytekit import Secret, task
from flytekit.configuration import Image, ImageConfig, SerializationSettings
from flytekit.tools.translator import get_serializable
from collections import OrderedDict

@task(secret_requests=[Secret("db", "Password", env_var="PGPASSWORD"),
                       Secret("tls", "key", "v2", mount_requirement=Secret.MountType.FILE)])
def connect() -> int:
    return 1

settings = SerializationSettings(image_config=ImageConfig(Image("x", "x", "1")), project="p", domain="d", version="v")
spec = get_serializable(OrderedDict(), settings, connect)
print(base64.b64encode(spec.template.to_flyte_idl().SerializeToString()).decode())
"""


def test_flytekit_finds_variables_and_files(flytekit_python: str, tmp_path: Path) -> None:
    secrets = (
        JobSecret(group="db", key="Password", value="hunter2"),
        JobSecret(group="tls", key="key", group_version="v2", value="pem", is_file=True),
    )
    mounts.write(secrets, tmp_path)
    environment = {**os.environ, **mounts.variables(secrets, tmp_path)}
    printed = run_with_flytekit(flytekit_python, "-c", READ, environment=environment)
    assert json.loads(printed.splitlines()[-1]) == ["hunter2", "pem", "hunter2"]


async def test_what_a_flytekit_task_asks_for_is_looked_up(flytekit_python: str, tmp_path: Path) -> None:
    (tmp_path / "asking.py").write_text(ASK)
    load = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import asking"
    printed = run_with_flytekit(flytekit_python, "-c", load)
    template = messages.TaskTemplate.FromString(base64.b64decode(printed.splitlines()[-1]))
    store = EnvironmentSecretStore(variables={"_FSEC_DB_PASSWORD": "hunter2", "_FSEC_TLS_V2_KEY": "pem"})
    assert await jobs.secrets_of(template, store) == (
        JobSecret(group="db", key="Password", value="hunter2", env_var="PGPASSWORD"),
        JobSecret(group="tls", key="key", group_version="v2", value="pem", is_file=True),
    )
