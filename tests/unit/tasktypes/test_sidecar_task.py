"""What an author can say of a pod, and what is refused where it is written."""

from typing import Any

import pytest

from elevon import Secret, UserError
from elevon.idl import customs, literals
from elevon.idl.messages import Struct
from elevon.sdk import serialization
from elevon.tasktypes.sidecar import podspecs
from elevon.tasktypes.sidecar.sidecar_pb2 import SidecarJob
from elevon.tasktypes.sidecar.task import SidecarTask, sidecar_task

READER = {"name": "reader", "image": "busybox", "command": ["cat", "/box/{{.inputs.name}}"]}


def pod(*containers: Any, **spec: Any) -> dict[str, Any]:
    """A pod with a primary container and some others."""
    return {"containers": [{"name": "primary"}, *containers], **spec}


@sidecar_task(pod_spec=pod(READER), labels={"team": "red"}, annotations={"cost": "7"}, retries=2)
def greet(name: str) -> str:
    return f"hello {name}"


def define(spec: Any, **options: Any) -> SidecarTask[..., Any]:
    def function(x: int) -> int:
        return x

    return SidecarTask(function, spec, **options)


def test_the_message_is_what_flyte_sent() -> None:
    custom = literals.plain_of(customs.pack(greet.message()))  # pyright: ignore[reportArgumentType] - it has one
    assert custom == {
        "podSpec": {"containers": [{"name": "primary"}, READER]},
        "primaryContainerName": "primary",
        "labels": {"team": "red"},
        "annotations": {"cost": "7"},
    }


@pytest.mark.parametrize(
    "spelling", [("podSpec", "primaryContainerName"), ("pod_spec", "primary_container_name")]
)
def test_both_spellings_of_a_field_are_read(spelling: tuple[str, str]) -> None:
    spec = pod(volumes=[{"name": "box", "emptyDir": {}}])
    job = customs.unpack(Struct(), SidecarJob)
    custom = customs.pack(job)
    custom.update(dict(zip(spelling, (spec, "primary"), strict=True)))
    found = customs.unpack(custom, SidecarJob)
    assert (literals.plain_of(found.pod_spec), found.primary_container_name) == (spec, "primary")


def test_the_template_has_the_function_as_its_container() -> None:
    (template,) = serialization.serialize(greet, project="p", domain="d", version="v").tasks
    assert template.type == "sidecar"
    assert template.container.args[0] == "elevon-execute"
    assert list(template.container.args[-2:]) == [__name__, "greet"]
    assert template.metadata.retries.retries == 2


def test_a_task_is_still_a_function() -> None:
    assert greet("you") == "hello you"


class ClientObject:
    """As those of the `kubernetes` package are: fields under Python's names, and a table of JSON's."""

    attribute_map: dict[str, str]

    def __init__(self, names: dict[str, str], **fields: Any) -> None:
        self.attribute_map = names
        vars(self).update({name: fields.get(name) for name in names})


def test_an_object_of_a_client_library_is_taken_in_the_spelling_of_json() -> None:
    mount = ClientObject({"mount_path": "mountPath", "name": "name", "read_only": "readOnly"})
    vars(mount).update(mount_path="/box", name="box")
    container = ClientObject(
        {"name": "name", "volume_mounts": "volumeMounts"}, name="primary", volume_mounts=[mount]
    )
    empty = ClientObject({"medium": "medium"})
    volume = ClientObject({"name": "name", "empty_dir": "emptyDir"}, name="box", empty_dir=empty)
    spec = ClientObject(
        {"containers": "containers", "volumes": "volumes", "restart_policy": "restartPolicy"},
        containers=[container],
        volumes=[volume],
    )
    assert define(spec).pod_spec == {
        "containers": [{"name": "primary", "volumeMounts": [{"mountPath": "/box", "name": "box"}]}],
        "volumes": [{"name": "box", "emptyDir": {}}],
    }


def test_an_object_that_spells_json_itself_is_taken_by_its_to_dict() -> None:
    class Plain:
        def to_dict(self) -> dict[str, Any]:
            return pod()

    assert define(Plain()).pod_spec == pod()


MOUNTING = {"name": "side", "volumeMounts": [{"name": "bx", "mountPath": "/box"}]}
BOX = {"name": "box", "emptyDir": {}}


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        (None, "has no pod_spec: write @sidecar_task"),
        ("pod", "pod_spec is 'pod': give a PodSpec, as a dict"),
        (
            {},
            r"pod_spec has no containers: write 'containers': \[{'name': 'primary'}\] for the function alone",
        ),
        ({"containers": []}, r"pod_spec has no containers: write 'containers': \[{'name': 'primary'}\]"),
        ({"containers": [{}]}, r"pod_spec\.containers\[0\] has no name: give it one"),
        (pod(volums=[]), r"pod_spec\.volums is no field of a PodSpec: did you mean 'volumes'\?"),
        (
            {"containers": [{"name": "primary", "comand": ["x"]}]},
            r"pod_spec\.containers\[0\]\.comand is no field of a Container: did you mean 'command'\?",
        ),
        (pod({"nam": "a"}), r"containers\[1\]\.nam is no field of a Container: did you mean 'name'\?"),
        (
            pod(initContainers=[{"name": "a", "env": [{"name": "A", "valu": "x"}]}]),
            r"initContainers\[0\]\.env\[0\]\.valu is no field of an EnvVar: did you mean 'value'\?",
        ),
        (
            pod({"name": "a", "volumeMounts": [{"name": "box", "mountpath": "/x"}]}, volumes=[BOX]),
            r"volumeMounts\[0\]\.mountpath is no field of a VolumeMount: did you mean 'mountPath'\?",
        ),
        (
            pod({"name": "a", "resources": {"limit": {}}}),
            r"resources\.limit is no field of a ResourceRequirements: did you mean 'limits'\?",
        ),
        (
            pod(volumes=[{"name": "box", "emptydir": {}}]),
            r"volumes\[0\]\.emptydir is no field of a Volume: did you mean 'emptyDir'\?",
        ),
        (
            {"containers": [{"name": "primry"}]},
            "primary_container_name is 'primary', and pod_spec.containers has no such container: .*'primry'",
        ),
        (
            pod({"name": "primary"}),
            r"pod_spec\.containers\[1\]\.name is 'primary', and so is pod_spec\.containers\[0\]\.name",
        ),
        (
            pod({"name": "a"}, initContainers=[{"name": "a"}]),
            r"containers\[1\]\.name is 'a', and so is pod_spec\.initContainers\[0\]",
        ),
        (
            pod({"name": "a", "env": [{"name": "A=B"}]}),
            r"pod_spec\.containers\[1\]\.env\[0\]\.name is 'A=B', which no variable can be named",
        ),
        (pod({"name": "A b"}), r"pod_spec\.containers\[1\]\.name is 'A b': use lower-case"),
        (
            pod({"name": "a", "image": 7}),
            r"pod_spec\.containers\[1\]\.image: expected `str \| null`, got `int`",
        ),
        (
            pod({"name": "a", "command": "ls"}),
            r"pod_spec\.containers\[1\]\.command: expected `array \| null`",
        ),
        (
            pod({"name": "a", "env": [{"name": "A", "value": 1}]}),
            r"containers\[1\]\.env\[0\]\.value: expected",
        ),
        (
            pod({"name": "a", "volume_mounts": []}),
            r"containers\[1\]\.volume_mounts is no field .* volumeMounts",
        ),
        (
            pod(init_containers=[]),
            "pod_spec.init_containers is no field in Kubernetes' JSON: write initContainers",
        ),
        (pod(MOUNTING, volumes=[BOX]), r"volumeMounts\[0\]\.name is 'bx', .* did you mean 'box'"),
        (pod(volumes=[BOX, BOX]), "pod_spec.volumes has two of the same name"),
        (pod(restartPolicy="Always"), "pod_spec.restartPolicy is Always, .* give the task retries"),
        (
            pod({"name": "a", "resources": {"limits": {"memory": "much"}}}),
            r"containers\[1\]\.resources\.limits\.memory: 'much' is no quantity",
        ),
        (
            pod(nodeSelector={"a": b"c"}),
            r"pod_spec\.nodeSelector\.a is b'c', a bytes: write it as JSON has it",
        ),
        (
            {"containers": [{"name": "primary", "image": "x"}]},
            r"containers\[0\]\.image would be .* container_image",
        ),
        ({"containers": [{"name": "primary", "args": ["x"]}]}, r"containers\[0\]\.args would be replaced"),
    ],
)
def test_a_pod_that_could_not_run_is_refused_with_its_field(spec: Any, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        define(spec)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"primary_container_name": ""}, "primary_container_name is empty"),
        ({"labels": {"a": 1}}, "labels={'a': 1} is no mapping of texts"),
        ({"annotations": "a"}, "annotations='a' is no mapping of texts"),
        ({"secret_requests": [Secret("g", "k", "v2")]}, "has a version, and Secrets of a cluster have none"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        define(pod(), **options)


def test_what_is_not_looked_at_passes_through() -> None:
    spec = pod(schedulingGates=[{"name": "x"}], tolerations=[{"key": "gpu"}])
    podspecs.check(spec, "primary")
    assert define(spec).pod_spec == spec


def test_a_field_that_only_others_know_passes_where_no_hand_wrote_it() -> None:
    class Newer:
        def to_dict(self) -> dict[str, Any]:
            return pod(invented=1)

    assert define(Newer()).pod_spec == pod(invented=1)
    podspecs.check(pod({"name": "a", "invented": 1}), "primary")
