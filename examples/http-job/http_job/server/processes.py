"""The service as a process of whoever tests against it: started, told to misbehave, killed, and started again.

Nothing here is needed to use the service; it blocks, and is called between the steps of a test.
"""

import http.client
import signal
import socket
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from http_job.jobs import Faults, Finish, Job, Page
from http_job.server import ledgers

_PATIENCE_S = 10.0


class ServiceProcess:
    """The service, at one port for as long as this is open.

    Args:
        ledger: The file that remembers its jobs.

    Attributes:
        url: Where it listens.
    """

    def __init__(self, ledger: Path) -> None:
        self._ledger = ledger
        # Bound, and not listened on: the system gives the port to nobody else, also between two processes.
        self._held = socket.socket()
        self._held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._held.bind(("127.0.0.1", 0))
        self._port = self._held.getsockname()[1]
        self.url = ""
        self._process = self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end(signal.SIGTERM)
        self._held.close()

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    def entries(self) -> list[ledgers.Entry]:
        """All that was done to it, in order."""
        return ledgers.read(self._ledger)

    def misbehave(self, **faults: Any) -> None:
        """Have these faults from now on, and no others; see `Faults`."""
        self._ask("POST", "/faults", msgspec.json.encode(Faults(**faults)))

    def finish(self, *job_ids: str) -> None:
        """Have these jobs succeed at once, or all of them if none is named."""
        self._ask("POST", "/finish", msgspec.json.encode(Finish(job_ids)))

    def jobs(self) -> list[Job]:
        """All jobs, as they are now."""
        page = self._page("")
        found = page.jobs
        while page.next_after:
            page = self._page(page.next_after)
            found += page.jobs
        return found

    def kill(self) -> None:
        """End it as a crash would; its jobs run on."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Start it again, at the same port, once it has been killed."""
        self._process = self._start()

    def _page(self, after: str) -> Page:
        return msgspec.json.decode(self._ask("GET", f"/jobs?after={after}"), type=Page)

    def _ask(self, method: str, path: str, body: bytes = b"") -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_PATIENCE_S)
        try:
            connection.request(method, path, body)
            return connection.getresponse().read()
        finally:
            connection.close()

    def _start(self) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "http_job.server",
                "--ledger",
                str(self._ledger),
                "--port",
                str(self._port),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
            text=True,
        )
        assert process.stdout is not None
        self.url = process.stdout.readline().strip()
        if not self.url:
            process.wait(_PATIENCE_S)
            process.stdout.close()
            self._held.close()
            raise RuntimeError(f"the service ended with exit code {process.returncode}")
        return process

    def _end(self, number: signal.Signals) -> None:
        self._process.send_signal(number)
        self._process.wait(_PATIENCE_S)
        if self._process.stdout is not None:
            self._process.stdout.close()
