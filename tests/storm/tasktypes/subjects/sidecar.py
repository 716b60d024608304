"""`sidecar`: a pod outlives its engines, runs each container once, and leaves nothing, not even a stubborn one."""

import os
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from elevon import workflow
from elevon.tasktypes.sidecar.task import sidecar_task
from tests.storm.tasktypes.rounds import Ground, Subject

BOX = [{"name": "box", "mountPath": "/box"}]
COUNTER = """
trap '' TERM
echo counter >>{{.inputs.directory}}/ledger
for i in 1 2 3 4 5 6 7 8; do echo $i >>/box/numbers; sleep 0.1; done
while true; do sleep 0.05; done
"""
POD = {
    "terminationGracePeriodSeconds": 0.5,
    "volumes": [{"name": "box", "emptyDir": {}}],
    "containers": [
        {"name": "primary", "volumeMounts": BOX, "env": [{"name": "BOX", "value": "/box"}]},
        {"name": "counter", "image": "busybox:1.37", "command": ["sh", "-c", COUNTER], "volumeMounts": BOX},
    ],
}


@sidecar_task(pod_spec=POD)
def total(directory: str) -> int:
    with Path(directory, "ledger").open("a", encoding="utf-8") as ledger:
        ledger.write("primary\n")
    numbers = Path(os.environ["BOX"], "numbers")
    while not numbers.exists() or len(numbers.read_text().splitlines()) < 8:
        time.sleep(0.02)
    return sum(map(int, numbers.read_text().split()))


@workflow
def beside(directory: str) -> int:
    return total(directory)


def complaints(ground: Ground) -> Iterator[str]:
    """Each container was started once."""
    ledger = ground.directory / "ledger"
    counted = Counter(ledger.read_text(encoding="utf-8").split()) if ledger.exists() else Counter[str]()
    if counted != {"primary": 1, "counter": 1}:
        yield f"the containers were started as often as {dict(counted)} says"


SUBJECT = Subject(
    program=Path(__file__),
    words=lambda directory: ("beside", "--directory", str(directory)),
    outputs={"o0": 36},
    run_s=2.5,
    complaints=complaints,
)
