"""What a pod says so that its container is given the secrets of a task: names alone, in the JSON of Kubernetes."""

import re
from typing import Any

import pytest

from elevon import errors
from elevon.idl.messages import Identifier, Secret, SecurityContext, TaskTemplate
from elevon.plugin import pod_secrets
from elevon.plugin.pod_secrets import PodSecrets

PASSWORD = Secret(group="db", key="Password", env_var="PGPASSWORD")
KEY = Secret(group="TLS", key="Key", mount_requirement=Secret.FILE, env_var="KEY_FILE")
CERTIFICATE = Secret(group="TLS", key="Cert", mount_requirement=Secret.FILE)
REFERENCE = {"secretKeyRef": {"name": "db", "key": "Password"}}


def template(*secrets: Secret) -> TaskTemplate:
    return TaskTemplate(id=Identifier(name="app"), security_context=SecurityContext(secrets=secrets))


def given(*secrets: Secret, **container: Any) -> dict[str, Any]:
    """The primary container, and the pod around it."""
    spec = {"containers": [{"name": "side"}, {"name": "main", **container}]}
    return dict(PodSecrets.of(template(*secrets)).put_into(spec, "main"))


def test_a_secret_is_a_variable_by_the_name_that_flytekit_looks_for_and_by_one_of_its_own() -> None:
    assert given(PASSWORD) == {
        "containers": [
            {"name": "side"},
            {
                "name": "main",
                "env": [
                    {"name": "_FSEC_DB_PASSWORD", "valueFrom": REFERENCE},
                    {"name": "PGPASSWORD", "valueFrom": REFERENCE},
                    {"name": "FLYTE_SECRETS_ENV_PREFIX", "value": "_FSEC_"},
                ],
            },
        ]
    }


def test_secrets_as_files_are_one_volume_with_the_keys_that_are_asked_for() -> None:
    spec = given(KEY, CERTIFICATE, Secret(group="db", key="password", mount_requirement=Secret.FILE))
    assert spec["volumes"] == [
        {
            "name": "elevon-secrets",
            "projected": {
                "sources": [
                    {
                        "secret": {
                            "name": "TLS",
                            "items": [{"key": "Key", "path": "tls/key"}, {"key": "Cert", "path": "tls/cert"}],
                        }
                    },
                    {"secret": {"name": "db", "items": [{"key": "password", "path": "db/password"}]}},
                ]
            },
        }
    ]
    main = spec["containers"][1]
    assert main["volumeMounts"] == [{"name": "elevon-secrets", "mountPath": "/etc/secrets", "readOnly": True}]
    assert main["env"] == [
        {"name": "FLYTE_SECRETS_DEFAULT_DIR", "value": "/etc/secrets"},
        {"name": "KEY_FILE", "value": "/etc/secrets/tls/key"},
    ]


def test_they_come_before_the_other_variables_and_in_the_place_of_their_namesakes() -> None:
    own = [{"name": "PGPASSWORD", "value": "x"}, {"name": "URL", "value": "db://$(PGPASSWORD)@host"}]
    names = [one["name"] for one in given(PASSWORD, env=own)["containers"][1]["env"]]
    assert names == ["_FSEC_DB_PASSWORD", "PGPASSWORD", "FLYTE_SECRETS_ENV_PREFIX", "URL"]


def test_a_task_without_secrets_leaves_its_pod_as_it_is() -> None:
    spec = {"containers": [{"name": "main"}]}
    assert PodSecrets.of(template()).put_into(spec, "main") is spec


@pytest.mark.parametrize(
    ("secret", "sentence"),
    [
        (
            Secret(group="db", key="k", group_version="v2"),
            "in version 'v2', and Secrets of a cluster have no",
        ),
        (Secret(key="k"), "task 'app' asks for the secret 'k' of the group '', which lacks a part"),
        (Secret(group="../db", key="k"), "'../db' is no name of a secret or of a group"),
    ],
)
def test_a_secret_that_cannot_be_asked_of_a_cluster_is_refused(secret: Secret, sentence: str) -> None:
    with pytest.raises(errors.UserError, match=re.escape(sentence)):
        PodSecrets.of(template(secret))


def test_a_volume_where_that_of_the_secrets_would_be_is_refused() -> None:
    with pytest.raises(errors.UserError, match="container main mounts a volume of its own at /etc/secrets"):
        given(KEY, volumeMounts=[{"name": "x", "mountPath": "/etc/secrets/"}])
    spec = {"containers": [{"name": "main"}], "volumes": [{"name": "elevon-secrets", "emptyDir": {}}]}
    with pytest.raises(errors.UserError, match="the pod has a volume 'elevon-secrets' of its own"):
        PodSecrets.of(template(KEY)).put_into(spec, "main")


def test_a_resource_that_passes_over_a_secret_is_refused() -> None:
    asked = template(PASSWORD, KEY)
    pod = {"kind": "Pod", "spec": given(PASSWORD, KEY)}
    pod_secrets.check_are_named(asked, pod, "counting")
    with pytest.raises(errors.UserError) as raised:
        pod_secrets.check_are_named(asked, {"kind": "Pod", "spec": given(PASSWORD)}, "counting")
    assert str(raised.value) == (
        "task 'app' asks for the secret 'Key' of the group 'TLS', which the executor 'counting' does not give to its "
        "Pod: leave it out of secret_requests"
    )
