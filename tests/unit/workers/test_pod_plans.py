"""What a pod's manifest means on one machine, and what is refused."""

from pathlib import Path
from typing import Any

import pytest

from elevon import errors
from elevon.workers.cluster import kinds, manifests
from elevon.workers.cluster.secrets import Handout, SecretRef

FOLDER = Path("/pods/one")


def pod(*containers: dict[str, Any], **spec: Any) -> dict[str, Any]:
    given = {"restartPolicy": "Never", "containers": list(containers), **spec}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"namespace": "team", "name": "one", "uid": "u1"},
        "spec": given,
    }


def container(*args: str, **more: Any) -> dict[str, Any]:
    return {"name": "main", "command": ["run"], "args": list(args), **more}


def planned(*args: str, **more: Any) -> manifests.ContainerPlan:
    """The only container, which has a volume at /data."""
    mounts = [{"name": "box", "mountPath": "/data"}]
    spec = pod(container(*args, volumeMounts=mounts, **more), volumes=[{"name": "box", "emptyDir": {}}])
    (found,) = manifests.plan(spec, FOLDER).containers
    return found


@pytest.mark.parametrize(
    ("arg", "wanted"),
    [
        ("/data", "/pods/one/volumes/box"),
        ("/data/x.csv", "/pods/one/volumes/box/x.csv"),
        ("--out=/data/x", "--out=/pods/one/volumes/box/x"),
        ("cat /data/a /data/b", "cat /pods/one/volumes/box/a /pods/one/volumes/box/b"),
        ("/data2 /my/data data/x", "/data2 /my/data data/x"),
        ("echo 7 >/dev/termination-log", "echo 7 >/pods/one/containers/main/termination-log"),
    ],
)
def test_paths_of_the_container_are_paths_of_this_machine(arg: str, wanted: str) -> None:
    assert planned(arg).args == ("run", wanted)


def test_variables_hold_paths_and_refer_to_each_other() -> None:
    env = [
        {"name": "DIR", "value": "/data/in"},
        {"name": "FILE", "value": "$(DIR)/x"},
        {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
    ]
    plan = planned("$(FILE)", "$$(FILE)", "$(NOBODY)", env=env)
    assert plan.environment == {
        "HOSTNAME": "one",
        "DIR": "/pods/one/volumes/box/in",
        "FILE": "/pods/one/volumes/box/in/x",
        "POD": "one",
    }
    assert plan.args[1:] == ("/pods/one/volumes/box/in/x", "$(FILE)", "$(NOBODY)")


def test_a_working_directory_may_be_on_a_volume() -> None:
    assert planned(workingDir="/data/sub").cwd == Path("/pods/one/volumes/box/sub")
    assert planned().cwd == Path("/pods/one/containers/main/work")


def test_limits_and_times_are_read() -> None:
    spec = pod(container(resources={"limits": {"memory": "64Mi", "cpu": 1}}), activeDeadlineSeconds=5)
    plan = manifests.plan(spec, FOLDER)
    assert (plan.containers[0].memory_bytes, plan.deadline_s, plan.grace_s) == (64 << 20, 5, 30)


def test_arguments_without_a_command_are_what_is_run_and_an_image_alone_is_nothing() -> None:
    plan = manifests.plan(
        pod({"name": "main", "args": ["x", "y"]}, {"name": "web", "image": "nginx"}), FOLDER
    )
    assert [one.args for one in plan.containers] == [("x", "y"), ()]


def test_what_stands_for_an_image_is_the_command_of_a_container_that_has_none() -> None:
    web, own = {"name": "web", "image": "nginx", "args": ["-q"]}, container(image="nginx")
    images = {"nginx": ("serve", "here")}
    made = manifests.furnished(pod(web, own, {"name": "x", "image": "other"}), images)
    commands = [one.get("command") for one in made["spec"]["containers"]]
    assert commands == [["serve", "here"], ["run"], None]
    assert manifests.plan(made, FOLDER).containers[0].args == ("serve", "here", "-q")


def secret_volume(*items: dict[str, Any]) -> dict[str, Any]:
    return {"name": "s", "secret": {"secretName": "db", "items": list(items)}}


SECRETS = Handout(values={"db": {"password": "hunter2"}}, problems={"db": {"user": "there is no secret"}})


def test_a_plan_says_for_which_secrets_a_pod_asks_and_is_made_without_them() -> None:
    env = [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "tls", "key": "key"}}}]
    spec = pod(container(env=env), volumes=[secret_volume({"key": "password", "path": "x"})])
    plan = manifests.plan(spec, FOLDER)
    assert plan.asked == {SecretRef("tls", "key"), SecretRef("db", "password")}


def test_a_secret_comes_as_it_is_where_other_values_are_of_this_machine() -> None:
    env = [
        {"name": "A", "valueFrom": {"secretKeyRef": {"name": "db", "key": "path"}}},
        {"name": "URL", "value": "db://$(A)@here"},
        {"name": "DATA", "value": "/data"},
    ]
    mounts = [{"name": "box", "mountPath": "/data"}]
    spec = pod(container(env=env, volumeMounts=mounts), volumes=[{"name": "box", "emptyDir": {}}])
    handed = Handout(values={"db": {"path": "/data"}})
    (plan,) = manifests.plan(spec, FOLDER, handed).containers
    assert plan.environment["A"] == "/data"
    assert plan.environment["DATA"] == "/pods/one/volumes/box"


def test_a_container_that_lacks_a_secret_says_so_and_the_others_start() -> None:
    env = [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "db", "key": "user"}}}]
    plan = manifests.plan(pod(container(env=env), {"name": "other", "command": ["x"]}), FOLDER, SECRETS)
    assert [one.lacks for one in plan.containers] == ["there is no secret", ""]


def test_without_a_secret_of_a_volume_no_container_starts() -> None:
    spec = pod(container(), {"name": "other", "command": ["x"]})
    spec["spec"]["volumes"] = [secret_volume({"key": "user", "path": "x"})]
    plan = manifests.plan(spec, FOLDER, SECRETS)
    assert [one.lacks for one in plan.containers] == ["there is no secret", "there is no secret"]


def test_a_secret_that_no_variable_can_hold_is_lacked_without_being_told() -> None:
    env = [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "db", "key": "blob"}}}]
    (plan,) = manifests.plan(
        pod(container(env=env)), FOLDER, Handout(values={"db": {"blob": "hunter\0two"}})
    ).containers
    assert plan.lacks == (
        "the secret 'blob' of the group 'db' can't be a variable, because it holds a null character: mount it as a file"
    )


def test_what_is_handed_out_does_not_tell_itself() -> None:
    (file,) = manifests.plan(
        pod(container(), volumes=[secret_volume({"key": "password", "path": "x"})]), FOLDER, SECRETS
    ).secret_files
    assert file.value == "hunter2"
    assert "hunter2" not in f"{file} {SECRETS}"


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        (pod(container(), restartPolicy="Always"), "spec.restartPolicy is Always, .* set it to Never"),
        (pod({"name": "../x", "command": ["x"]}), "has no name that can be used"),
        (pod(), r"the spec is no pod's: .*containers"),
        (pod(container(), container()), "two of its containers have the same name"),
        (
            pod(container(), volumes=[{"name": "s", "hostPath": {"path": "/"}}]),
            "volume 's' is hostPath, and a local cluster has emptyDir, secret, and projected with secrets alone",
        ),
        (
            pod(container(), volumes=[{"name": "s", "projected": {"sources": [{"configMap": {}}]}}]),
            "volume 's' is configMap, and",
        ),
        (
            pod(container(), volumes=[{"name": "s", "secret": {}}]),
            "volume 's' names no Secret: set secretName",
        ),
        (
            pod(container(), volumes=[{"name": "s", "secret": {"secretName": "db"}}]),
            "volume 's' has all that the Secret 'db' holds, .* name the keys",
        ),
        (
            pod(container(), volumes=[secret_volume({"key": "a", "path": "../a"})]),
            r"volume 's' has the path '\.\./a', which is none in a volume",
        ),
        (
            pod(container(), volumes=[secret_volume({"key": "a"})]),
            "volume 's' is no volume of secrets: Object missing required field `path`",
        ),
        (pod(container(volumeMounts=[{"name": "x", "mountPath": "/x"}])), "mounts the volume 'x', .* add it"),
        (
            pod(
                container(volumeMounts=[{"name": "b", "mountPath": "/x", "subPath": "a/../../../b"}]),
                volumes=[{"name": "b", "emptyDir": {}}],
            ),
            "mounts the subPath 'a/../../../b', which leaves its volume",
        ),
        (pod(container(), volumes=[{"name": 5, "emptyDir": {}}]), "volume 5 has no name that can be used"),
        (pod(container("a\0b")), r"is given the text 'a\\x00b', and no process can be given a NUL"),
        (pod(container(env=[{"name": "A=B"}])), "has a variable named 'A=B', which none can be"),
        (pod(container(env=[{"name": "A", "valueFrom": {"fieldRef": "x"}}])), "takes the variable A from"),
        (pod(container(restartPolicy="Always")), "has the restartPolicy Always, and init containers alone"),
        (pod(container(lifecycle={"preStop": {}})), "lifecycle of container main can't be had"),
        (
            pod(container(env=[{"name": "A", "valueFrom": {"secretKeyRef": {"key": "k"}}}])),
            "takes the variable A from .* secretKeyRef with name and key, and fieldRef with metadata.name",
        ),
        (pod(container(command="run")), r"the spec is no pod's: Expected `array`, got `str` - at .*command"),
        (pod(container(resources={"limits": {"memory": "much"}})), "'much' is no quantity"),
        ({**pod(container()), "kind": "Job"}, "a local cluster runs v1/Pod and .*, and this is v1/Job"),
    ],
)
def test_what_cannot_be_had_is_refused_and_named(spec: dict[str, Any], sentence: str) -> None:
    with pytest.raises(errors.UserError, match=sentence):
        kinds.plan(spec, FOLDER)
