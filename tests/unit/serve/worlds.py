"""The whole application without a socket: requests are handed to it as a server would."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from elevon.primitives.figures import Figures
from elevon.serve import applications
from elevon.serve.own_routes import Probes
from tests.unit.admin.wire.specimens import WireWorld

HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        """The body, which is JSON."""
        assert self.headers["content-type"] == "application/json"
        return json.loads(self.body)


class HttpWorld(WireWorld):
    """A control plane behind HTTP."""

    def __init__(self) -> None:
        super().__init__()
        self.is_ready = True
        self.figures = Figures()
        probes = Probes(lambda: self.is_ready, lambda: (b"elevon_x 1.0\n", "text/plain; version=1"))
        self.application = applications.application(
            self.service, self.extensions, self.operations, probes, self.figures, HOSTS
        )

    async def ask(self, method: str, target: str, content: bytes | Any = b"", **headers: str) -> Answer:
        """Send a request; content that is no bytes goes as JSON."""
        given = {"host": "127.0.0.1:7380", **{name.replace("_", "-"): text for name, text in headers.items()}}
        if not isinstance(content, bytes):
            content = json.dumps(content).encode()
            given.setdefault("content-type", "application/json")
        path, _, query = target.partition("?")
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(name.encode(), text.encode()) for name, text in given.items()],
            "client": ("127.0.0.1", 50000),
            "server": ("127.0.0.1", 7380),
        }
        pieces = [content[start : start + 65536] for start in range(0, len(content), 65536)] or [b""]
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            body = pieces.pop(0)
            return {"type": "http.request", "body": body, "more_body": bool(pieces)}

        async def send(message: Any) -> None:
            sent.append(message)

        await self.application(scope, receive, send)
        start, *rest = sent
        told = {name.decode(): text.decode() for name, text in start["headers"]}
        return Answer(start["status"], told, b"".join(message.get("body", b"") for message in rest))
