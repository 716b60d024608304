"""`hive` with the backend `hiveserver2`, against Spark's Thrift server, whose event log is the ledger."""

import contextlib
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.integration.hive.hiveserver2.sharing import SharedServer, shared_server
from tests.storm.tasktypes import queries
from tests.storm.tasktypes.rounds import Ground, Subject

PORT, FOLDER = "ELEVON_STORM_HIVESERVER2", "ELEVON_STORM_HIVESERVER2_FOLDER"


@contextlib.contextmanager
def service() -> Iterator[Mapping[str, str]]:
    server = shared_server()
    yield {PORT: str(server.port), FOLDER: str(server.directory)}


def configuration(environment: Mapping[str, str]) -> str:
    return (
        '[executors.hive]\nbackend = "hiveserver2"\nresync_s = 0.2\n'
        f"[executors.hive.hiveserver2]\nport = {environment[PORT]}\n"
    )


def complaints(ground: Ground) -> Iterator[str]:
    server = SharedServer(int(ground.environment[PORT]), Path(ground.environment[FOLDER]))
    run = queries.run_of(ground.directory)
    sent = [statement for statement in server.statements() if run in statement.text]
    begun = Counter(statement.text.partition("\n-- ")[0] for statement in sent)
    if len(begun) != queries.QUERY_COUNT:
        yield f"{queries.QUERY_COUNT} queries were to be sent, and {len(begun)} were"
    yield from (f"sent {count} times: {text}" for text, count in begun.items() if count > 1)
    for statement in sent:
        if not statement.is_over:
            yield f"left running: {statement.text}"
        elif statement.ends[0] != "Finish":
            yield f"ended by {statement.ends[0]}: {statement.text}"


SUBJECT = Subject(
    program=Path(queries.__file__),
    words=queries.words,
    outputs=queries.OUTPUTS,
    run_s=8.0,
    configuration=configuration,
    service=service,
    complaints=complaints,
)
