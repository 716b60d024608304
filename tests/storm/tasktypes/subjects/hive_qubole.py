"""`hive` with the backend `qubole`, against the QDS server of the tests."""

import contextlib
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.integration.hive.qds.processes import TOKEN, QdsProcess, qds
from tests.storm.tasktypes import queries
from tests.storm.tasktypes.rounds import Ground, Subject

URL, FOLDER = "ELEVON_STORM_QDS", "ELEVON_STORM_QDS_FOLDER"


@contextlib.contextmanager
def service() -> Iterator[Mapping[str, str]]:
    with tempfile.TemporaryDirectory(prefix="elevon-qds-") as folder, qds(Path(folder)) as running:
        yield {URL: running.url, FOLDER: folder, "_FSEC_QUBOLE_API_TOKEN": TOKEN}


def configuration(environment: Mapping[str, str]) -> str:
    return (
        '[executors.hive]\nbackend = "qubole"\nresync_s = 0.2\n'
        f'[executors.hive.qubole]\nbase_url = "{environment[URL]}"\n'
    )


def complaints(ground: Ground) -> Iterator[str]:
    running = QdsProcess(ground.environment[URL], Path(ground.environment[FOLDER]))
    run = queries.run_of(ground.directory)
    begun = Counter(entry["query"] for entry in running.entries() if run in entry["query"])
    if len(begun) != queries.QUERY_COUNT:
        yield f"{queries.QUERY_COUNT} queries were to be submitted, and {len(begun)} were"
    yield from (f"submitted {count} times: {text}" for text, count in begun.items() if count > 1)
    yield from (f"killed: {entry['query']}" for entry in running.entries("killed") if run in entry["query"])


SUBJECT = Subject(
    program=Path(queries.__file__),
    words=queries.words,
    outputs=queries.OUTPUTS,
    run_s=4.0,
    configuration=configuration,
    service=service,
    complaints=complaints,
)
