"""What stands behind the connectors of the tests: a ledger of their calls, and what each job does."""

import contextlib
import json
import socketserver
import threading
from collections.abc import Generator
from typing import Any, Self

WAIT_S = 30
Answer = dict[str, Any]


class Jobs:
    """Serves the calls of `flytekit_connectors`, in threads of this process.

    Attributes:
        port: Where.
        calls: Call and job, in the order in which they came.
        answers: What is answered, by call and job; jobs run unless something else is said.
    """

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []
        self.answers: dict[tuple[str, str], Answer] = {}
        self._held: dict[tuple[str, str], threading.Event] = {}
        self._news = threading.Condition()
        jobs = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                answer = jobs._answer(json.loads(self.rfile.readline()))
                self.wfile.write(json.dumps(answer).encode() + b"\n")

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, name="jobs")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(self, call: str, job: str, **answer: Any) -> None:
        """Answer so from now on."""
        self.answers[call, job] = answer

    @contextlib.contextmanager
    def holding(self, call: str, job: str) -> Generator[None]:
        """Leave a call without an answer."""
        self._held[call, job] = threading.Event()
        try:
            yield
        finally:
            self._held.pop((call, job)).set()

    def succeed(self, job: str, word: str = "done") -> None:
        """Let a job end well."""
        self.answer("get", job, phase="SUCCEEDED", outputs={"o0": word})

    def wait_for(self, call: str, job: str, count: int = 1) -> None:
        """Return when a job has been called so often."""
        with self._news:
            assert self._news.wait_for(lambda: self.calls.count((call, job)) >= count, WAIT_S), self.calls

    def of(self, job: str) -> list[str]:
        """What was done to a job, questions aside."""
        return [call for call, named in self.calls if named == job and call != "get"]

    def _answer(self, asked: Answer) -> Answer:
        key = (asked["call"], asked["job"])
        with self._news:
            self.calls.append(key)
            self._news.notify_all()
        held = self._held.get(key)
        if held is not None:
            held.wait(WAIT_S)
        return self.answers.get(key, {"phase": "RUNNING"})
