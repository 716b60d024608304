"""Workflows of pods: what the primary container does is Python, what is beside it are shell scripts."""

import os
import time
from pathlib import Path
from typing import Any

from elevon import Resources, workflow
from elevon.tasktypes.sidecar.task import sidecar_task

BOX = [{"name": "box", "mountPath": "/box"}]
PRIMARY = {"name": "primary", "volumeMounts": BOX, "env": [{"name": "BOX", "value": "/box"}]}
FOREVER = "while true; do sleep 0.02; done"


def pod(*scripts: str, **spec: Any) -> dict[str, Any]:
    """A primary container with a volume, and a container for each script that has it too."""
    sides = [
        {
            "name": f"side-{index}",
            "image": "busybox:1.37",
            "command": ["sh", "-c", script],
            "volumeMounts": BOX,
        }
        for index, script in enumerate(scripts)
    ]
    return {"volumes": [{"name": "box", "emptyDir": {}}], "containers": [PRIMARY, *sides], **spec}


def received(name: str) -> str:
    """What a container has left in the volume, once there is a line."""
    path = Path(os.environ["BOX"], name)
    while not path.exists() or not path.read_text().endswith("\n"):
        time.sleep(0.02)
    return path.read_text().strip()


FIRST = {
    "name": "first",
    "image": "busybox:1.37",
    "command": ["sh", "-c", "echo {{.inputs.text}} >/box/raw"],
    "volumeMounts": BOX,
}
SHOUTER = f"tr a-z A-Z </box/raw >/box/loud; echo $$$$ >{{{{.inputs.place}}}}/side; {FOREVER}"


@sidecar_task(pod_spec=pod(SHOUTER, initContainers=[FIRST]))
def shouted(text: str, place: str) -> str:
    return received("loud")


@workflow
def shout(text: str, place: str) -> str:
    return shouted(text, place)


@sidecar_task(pod_spec=pod(FOREVER))
def divide(text: str, place: str) -> str:
    return str(len(text) // 0)


@workflow
def fails(text: str, place: str) -> str:
    return divide(text, place)


STUBBORN = f"trap '' TERM; echo $$$$ >{{{{.inputs.place}}}}/side; echo ready >/box/ready; {FOREVER}"


@sidecar_task(pod_spec=pod(STUBBORN, terminationGracePeriodSeconds=0.3))
def patient(text: str, place: str) -> str:
    return received("ready")


@workflow
def outlived(text: str, place: str) -> str:
    return patient(text, place)


@sidecar_task(pod_spec=pod(STUBBORN, terminationGracePeriodSeconds=0.3))
def endless(text: str, place: str) -> str:
    Path(place, "primary").write_text(f"{os.getpid()}\n")
    time.sleep(1000)
    return text


@workflow
def never_ends(text: str, place: str) -> str:
    return endless(text, place)


@sidecar_task(pod_spec=pod(FOREVER), limits=Resources(mem="100Mi"))
def greedy(text: str, place: str) -> str:
    held = b"x" * 400_000_000
    time.sleep(1000)
    return str(len(held))


@workflow
def eats(text: str, place: str) -> str:
    return greedy(text, place)


BROKEN = {"name": "fetch", "image": "busybox:1.37", "command": ["sh", "-c", "echo no such host >&2; exit 4"]}


@sidecar_task(pod_spec=pod(initContainers=[BROKEN]))
def fetched(text: str, place: str) -> str:
    return text


@workflow
def lacks_its_data(text: str, place: str) -> str:
    return fetched(text, place)


WEB = {"name": "web", "image": "nginx:0.0.1"}


@sidecar_task(pod_spec={"containers": [{"name": "primary"}, WEB]})
def served(text: str, place: str) -> str:
    time.sleep(1000)
    return text


@workflow
def lacks_an_image(text: str, place: str) -> str:
    return served(text, place)


VISITED = {**WEB, "volumeMounts": BOX}


@sidecar_task(pod_spec={"volumes": [{"name": "box", "emptyDir": {}}], "containers": [PRIMARY, VISITED]})
def visited(text: str, place: str) -> str:
    return received("log")


@workflow
def visits(text: str, place: str) -> str:
    return visited(text, place)


@sidecar_task(pod_spec=pod("no-such-program"), retries=1)
def second_time(text: str, place: str) -> str:
    mark = Path(place, "tries")
    mark.write_text(mark.read_text() + "x" if mark.exists() else "x")
    if mark.read_text() == "x":
        raise ValueError("not yet")
    return mark.read_text()


@workflow
def tried_again(text: str, place: str) -> str:
    return second_time(text, place)
