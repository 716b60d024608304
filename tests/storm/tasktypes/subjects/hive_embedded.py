"""`hive` with the backend `embedded`: each query is one process, which the killed engine does not take along."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.storm.tasktypes import queries
from tests.storm.tasktypes.rounds import Ground, Subject


def complaints(ground: Ground) -> Iterator[str]:
    history = ground.home / "executors/hive/history.jsonl"
    begun = Counter(json.loads(line)["token"] for line in history.read_text().splitlines())
    if len(begun) != queries.QUERY_COUNT:
        yield f"{queries.QUERY_COUNT} queries were to be begun, and {len(begun)} were"
    yield from (f"{token} was begun {count} times" for token, count in begun.items() if count > 1)
    left = sorted(path.name for path in (ground.home / "executors/hive/queries").iterdir())
    if left:
        yield f"the files of {', '.join(left)} were left over"


SUBJECT = Subject(
    program=Path(queries.__file__),
    words=lambda directory: ("stormy", "--run", directory.name.replace("-", "_").lower()),
    outputs=queries.OUTPUTS,
    run_s=4.0,
    complaints=complaints,
)
