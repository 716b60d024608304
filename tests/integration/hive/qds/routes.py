"""The QDS REST interface, version 1.2, as far as commands go: https, sub-accounts and clusters aside.

What a test wants it to do wrong it is told by POST /faults.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, fields
from typing import Any

from aiohttp import web

from tests.integration.hive.qds.books import LABELS, Book, Command

PREFIX = "/api/v1.2"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Faults:
    """What is to go wrong from now on.

    Attributes:
        overloaded_count: So many requests are answered with 429, and a Retry-After of a second.
        is_down: Everything is answered with 503.
        lost_count: So many commands are made, and the connection breaks before the answer.
        forgets: Whether no command is known any more.
    """

    overloaded_count: int = 0
    is_down: bool = False
    lost_count: int = 0
    forgets: bool = False


class Service:
    """The handlers, over a book."""

    def __init__(self, book: Book, token: str) -> None:
        self._book = book
        self._token = token
        self.faults = Faults()

    def app(self) -> web.Application:
        made = web.Application(middlewares=[self._gate])
        made.add_routes(
            [
                web.post(f"{PREFIX}/commands", self.submit),
                web.get(f"{PREFIX}/commands", self.list),
                web.get(f"{PREFIX}/commands/{{id}}", self.show),
                web.put(f"{PREFIX}/commands/{{id}}", self.kill),
                web.get(f"{PREFIX}/commands/{{id}}/results", self.results),
                web.get(f"{PREFIX}/commands/{{id}}/logs", self.logs),
                web.post("/faults", self.misbehave),
            ]
        )
        return made

    @web.middleware
    async def _gate(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path == "/faults":
            return await handler(request)
        if request.headers.get("X-AUTH-TOKEN") != self._token:
            return problem(401, "Invalid Token")
        if self.faults.is_down:
            return problem(503, "Service Unavailable")
        if self.faults.overloaded_count:
            self.faults.overloaded_count -= 1
            return problem(429, "Too Many Requests", {"Retry-After": "1"})
        return await handler(request)

    async def misbehave(self, request: web.Request) -> web.StreamResponse:
        given = await request.json()
        for one in fields(Faults):
            setattr(self.faults, one.name, given.get(one.name, one.default))
        return web.json_response({})

    async def submit(self, request: web.Request) -> web.StreamResponse:
        asked = await request.json()
        tags = asked.get("tags") or []
        if not str(asked.get("query") or "").strip():
            return problem(422, "Query can't be blank")
        if asked.get("label") and asked["label"] not in LABELS:
            return problem(422, f"Cluster with label '{asked['label']}' does not exist")
        if len(tags) > 6 or any(len(tag) > 20 for tag in tags):
            return problem(422, "Maximum 6 tags of 20 characters are allowed")
        made = await self._book.make(asked)
        if self.faults.lost_count:
            self.faults.lost_count -= 1
            assert request.transport is not None
            request.transport.abort()
        return web.json_response(made.document(PREFIX))

    async def list(self, request: web.Request) -> web.StreamResponse:
        name, page, per_page = (request.query.get(key, "") for key in ("name", "page", "per_page"))
        number, size = int(page or 1), min(int(per_page or 10), 100)
        wanted = [one for one in self._book.newest() if name in ("", one.asked.get("name"))]
        shown = wanted[(number - 1) * size : number * size]
        following = number + 1 if number * size < len(wanted) else None
        paging = {"next_page": following, "previous_page": number - 1 or None, "per_page": size}
        return web.json_response({"paging_info": paging, "commands": [one.document(PREFIX) for one in shown]})

    async def show(self, request: web.Request) -> web.StreamResponse:
        found = self._found(request)
        return missing() if found is None else web.json_response(found.document(PREFIX))

    async def kill(self, request: web.Request) -> web.StreamResponse:
        found = self._found(request)
        if found is None:
            return missing()
        if (await request.json()).get("status") != "kill":
            return problem(422, "Only the status kill can be set")
        await self._book.kill(found)
        return web.json_response({"kill_succeeded": True, "result": "kill succeeded"})

    async def results(self, request: web.Request) -> web.StreamResponse:
        found = self._found(request)
        if found is None:
            return missing()
        path = found.folder / "results"
        return web.json_response(
            {"inline": True, "results": path.read_bytes().decode() if path.exists() else ""}
        )

    async def logs(self, request: web.Request) -> web.StreamResponse:
        found = self._found(request)
        if found is None:
            return missing()
        path = found.folder / "log"
        return web.Response(text=path.read_text() if path.exists() else "")

    def _found(self, request: web.Request) -> Command | None:
        return None if self.faults.forgets else self._book.commands.get(int(request.match_info["id"]))


def missing() -> web.Response:
    return problem(404, "Command not found")


def problem(status: int, message: str, headers: dict[str, str] | None = None) -> web.Response:
    body: dict[str, Any] = {"error": {"error_code": status, "error_message": message}}
    return web.json_response(body, status=status, headers=headers)
