"""The QDS server as a process of whoever tests against it."""

import http.client
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[4]
TOKEN = "a-token-of-the-tests"  # noqa: S105 - of the tests
PATIENCE_S = 20.0


class QdsProcess(NamedTuple):
    """The server."""

    url: str
    folder: Path

    def entries(self, what: str = "created") -> list[dict[str, Any]]:
        """What its ledger says."""
        path = self.folder / "ledger.jsonl"
        found = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        return [one for one in found if one["what"] == what]

    def misbehave(self, **faults: Any) -> None:
        """Have these faults from now on, and no others."""
        self._ask("POST", "/faults", faults)

    def kill(self, command_id: int) -> None:
        """End a command, as somebody at its console does."""
        self._ask("PUT", f"/api/v1.2/commands/{command_id}", {"status": "kill"})

    def _ask(self, method: str, path: str, body: dict[str, Any]) -> None:
        connection = http.client.HTTPConnection(self.url.partition("//")[2], timeout=PATIENCE_S)
        try:
            connection.request(method, path, json.dumps(body), {"X-AUTH-TOKEN": TOKEN})
            connection.getresponse().read()
        finally:
            connection.close()


@contextmanager
def qds(folder: Path) -> Iterator[QdsProcess]:
    """A server with its files in a folder, ended with all its commands."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.integration.hive.qds", str(folder), TOKEN],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        try:
            yield QdsProcess(url, folder)
        finally:
            process.terminate()
            process.wait(PATIENCE_S)
