"""Writes what the real flytekit makes of tasks with a pod template; run by the Python of an environment with flytekit.

Usage: make_pod_golden.py [FILE]; the default is the committed file. Each template is stored as base64 of its
deterministic bytes.
"""

# flytekit lives in an environment of its own:
# pyright: reportMissingImports=false, reportAttributeAccessIssue=false
import base64
import json
import pathlib
import sys
from collections import OrderedDict

from flytekit import ContainerTask, PodTemplate, Resources, kwtypes, task
from flytekit.configuration import Image, ImageConfig, SerializationSettings
from flytekit.tools.translator import get_serializable
from kubernetes.client import V1Container, V1EmptyDirVolumeSource, V1PodSpec, V1Volume, V1VolumeMount

GOLDEN = pathlib.Path(__file__).parent / "golden" / "pods.json"
BOX = [V1VolumeMount(name="box", mount_path="/box")]
WRITER = V1Container(
    name="writer",
    image="busybox:1.37",
    command=["sh", "-c", "cp {{.input}} /box/made; mv /box/made /box/x; while true; do sleep 0.05; done"],
    volume_mounts=BOX,
)


def pod(primary):
    volumes = [V1Volume(name="box", empty_dir=V1EmptyDirVolumeSource())]
    return V1PodSpec(containers=[V1Container(name=primary, volume_mounts=BOX), WRITER], volumes=volumes)


@task(
    pod_template=PodTemplate(
        pod_spec=pod("main"),
        primary_container_name="main",
        labels={"team": "red"},
        annotations={"cost": "7"},
    ),
    requests=Resources(cpu="1", mem="1Gi"),
    environment={"A": "b"},
    retries=2,
)
def double(x: int) -> int:
    return 2 * x


copied = ContainerTask(
    name="copied",
    image="busybox:1.37",
    command=["sh", "-c", "until test -e /box/x; do sleep 0.02; done; cp /box/x {{.outputPrefix}}/outputs.pb"],
    inputs=kwtypes(x=int),
    outputs=kwtypes(x=int),
    pod_template=PodTemplate(pod_spec=pod("primary")),
)


def golden():
    settings = SerializationSettings(
        project="default",
        domain="development",
        version="v",
        image_config=ImageConfig(Image("mine", "elevon", "py3.11")),
    )
    templates = [
        get_serializable(OrderedDict(), settings, one).template.to_flyte_idl() for one in (double, copied)
    ]
    return {
        one.id.name: base64.b64encode(one.SerializeToString(deterministic=True)).decode() for one in templates
    }


if __name__ == "__main__":
    import make_pod_golden  # flytekit names tasks by their module, which __main__ is not

    target = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else GOLDEN
    text = json.dumps(make_pod_golden.golden(), indent=1, sort_keys=True)
    target.write_text(f"{text}\n", encoding="utf-8")
