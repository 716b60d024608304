"""Secrets that a task asks for and reads."""

from pathlib import Path
from typing import Any

import pytest

from elevon import Secret, UserError, current_context, task
from elevon.idl import messages
from elevon.sdk import serialization
from elevon.sdk.secrets import TaskSecrets


@task(
    secret_requests=[
        Secret("db", "password"),
        Secret("tls", "key", "v2", mount_requirement=Secret.MountType.FILE, env_var="KEY_FILE"),
    ]
)
def connect() -> str:
    return current_context().secrets.get("db", "password")


def test_a_template_carries_the_names_alone() -> None:
    (template,) = serialization.serialize(connect, project="p", domain="d", version="v").tasks
    assert template.security_context == messages.SecurityContext(
        secrets=[
            messages.Secret(group="db", key="password"),
            messages.Secret(
                group="tls",
                key="key",
                group_version="v2",
                mount_requirement=messages.Secret.FILE,
                env_var="KEY_FILE",
            ),
        ]
    )


def test_a_plain_call_reads_what_is_set_for_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_FSEC_DB_PASSWORD", "hunter2")
    assert connect() == "hunter2"


def test_a_secret_is_read_from_its_variable_or_else_its_file(tmp_path: Path) -> None:
    (tmp_path / "tls" / "v2").mkdir(parents=True)
    (tmp_path / "tls" / "v2" / "key").write_text("pem\n")
    secrets = TaskSecrets({"FLYTE_SECRETS_DEFAULT_DIR": str(tmp_path), "_FSEC_DB_PASSWORD": "hunter2\n"})
    assert secrets.get("db", "password") == "hunter2"
    assert secrets.get("tls", "key", "v2") == "pem"


def test_a_secret_that_was_not_asked_for_is_named_with_the_way_to_ask(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"not given .*'x' of the group 'db': ask .*Secret\(group='db', key='x'\)"
    ):
        TaskSecrets({"FLYTE_SECRETS_DEFAULT_DIR": str(tmp_path)}).get("db", "x")


@pytest.mark.parametrize(
    "requests", ["db", [("db", "key")], Secret("db", "key")], ids=["text", "tuples", "one alone"]
)
def test_what_is_no_sequence_of_secrets_is_refused(requests: object) -> None:
    def connect() -> None: ...

    options: dict[str, Any] = {"secret_requests": requests}
    with pytest.raises(UserError, match=r"secret_requests=.* is no sequence of secrets"):
        task(connect, **options)


@pytest.mark.parametrize(("group", "key"), [("", "key"), ("db", ""), ("db", "../key")])
def test_what_can_not_be_the_name_of_a_secret_is_refused(group: str, key: str) -> None:
    with pytest.raises(UserError, match=r"name both|no name of a secret"):
        Secret(group, key)


def test_a_variable_that_no_shell_could_name_is_refused() -> None:
    with pytest.raises(UserError, match=r"env_var='A-B' is no name of a variable"):
        Secret("db", "key", env_var="A-B")
