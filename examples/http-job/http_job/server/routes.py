"""The service's HTTP: from requests to the book of jobs, through the mood that it is in.

| call | what |
|---|---|
| `POST /jobs`, header `Idempotency-Key` | make a job; 200 if the key is known, 410 if it was deleted |
| `GET /jobs/ID` | one job |
| `GET /jobs?ids=ID,ID,...` | those of up to 500 jobs that there are |
| `GET /jobs?after=ID&limit=500` | a page of all jobs |
| `GET /keys/KEY` | the job of an idempotency key |
| `DELETE /jobs/ID` | end it; again, the same |
| `DELETE /keys/KEY` | end the job of a key, and make none under it from now on |
| `POST /finish` | have jobs succeed at once; see `Finish` |
| `POST /faults` | misbehave from now on; see `Faults` |
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

import msgspec
from aiohttp import web

from http_job.jobs import PAGE_LIMIT, Faults, Finish, JobRequest
from http_job.server.books import JobBook, KeyRefusedError
from http_job.server.moods import Mood

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_COMMANDS = frozenset({"/finish", "/faults"})
_encoder = msgspec.json.Encoder()
_requests = msgspec.json.Decoder(JobRequest)
_finishes = msgspec.json.Decoder(Finish)
_faults = msgspec.json.Decoder(Faults)


def application(book: JobBook) -> web.Application:
    """The service over a book of jobs."""
    routes = Routes(book)
    made = web.Application(middlewares=[routes.misbehave])
    made.router.add_post("/jobs", routes.create)
    made.router.add_get("/jobs", routes.list)
    made.router.add_get("/jobs/{id}", routes.get)
    made.router.add_delete("/jobs/{id}", routes.delete)
    made.router.add_get("/keys/{key}", routes.find)
    made.router.add_delete("/keys/{key}", routes.refuse)
    made.router.add_post("/finish", routes.finish)
    made.router.add_post("/faults", routes.change_faults)
    return made


class Routes:
    """One handler a route.

    Args:
        book: The jobs.
    """

    def __init__(self, book: JobBook) -> None:
        self._book = book
        self._mood = Mood()

    @web.middleware
    async def misbehave(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """Answer as it was commanded to, or let the request through."""
        if request.path in _COMMANDS:
            return await handler(request)
        faults = self._mood.faults
        if faults.latency_s:
            await asyncio.sleep(faults.latency_s)
        if faults.is_down:
            return _problem(503, "the service is down, as commanded")
        retry_after_s = self._mood.retry_after_s(time.time())
        if retry_after_s:
            response = _problem(429, "too many requests")
            response.headers["Retry-After"] = str(retry_after_s)
            return response
        try:
            return await handler(request)
        except ConnectionResetError:  # whoever asked was killed on the way: nobody waits for an answer
            return _problem(400, "the request was cut off")

    async def create(self, request: web.Request) -> web.Response:
        """Make a job."""
        key = request.headers.get("Idempotency-Key", "")
        if not key:
            return _problem(400, "the header Idempotency-Key is missing: send one that is unique to the job")
        try:
            wanted = _requests.decode(await request.read())
        except msgspec.MsgspecError as error:
            return _problem(400, str(error))
        if self._mood.refuses_create():
            return _problem(500, "no job was made, as commanded")
        try:
            job = self._book.create(key, wanted, time.time())
        except KeyRefusedError:
            return _problem(410, f"the key {key} was deleted: no job is made under it")
        if self._mood.loses_create() and request.transport is not None:
            request.transport.abort()
        return _json(job)

    async def get(self, request: web.Request) -> web.Response:
        """One job."""
        return _json_or_404(self._book.get(request.match_info["id"], time.time()))

    async def list(self, request: web.Request) -> web.Response:
        """Some jobs."""
        if "ids" in request.query:
            wanted = request.query["ids"].split(",")
            if len(wanted) > PAGE_LIMIT:
                return _problem(400, f"{len(wanted)} ids are too many: ask for {PAGE_LIMIT} at most")
            return _json(self._book.some(wanted, time.time()))
        limit, after = request.query.get("limit", str(PAGE_LIMIT)), request.query.get("after", "")
        if not (limit.isdigit() and 0 < int(limit) <= PAGE_LIMIT):
            return _problem(400, f"limit={limit} can't be served: use 1 to {PAGE_LIMIT}")
        if after and self._book.get(after, 0.0) is None:
            return _problem(404, f"there is no job {after}")
        return _json(self._book.page(after, int(limit), time.time()))

    async def find(self, request: web.Request) -> web.Response:
        """The job of a key."""
        return _json_or_404(self._book.find(request.match_info["key"], time.time()))

    async def delete(self, request: web.Request) -> web.Response:
        """End a job."""
        is_there = self._book.delete(request.match_info["id"], time.time())
        return web.Response(status=204) if is_there else _problem(404, "there is no such job")

    async def refuse(self, request: web.Request) -> web.Response:
        """End the job of a key, and make none under it from now on."""
        self._book.refuse(request.match_info["key"], time.time())
        return web.Response(status=204)

    async def finish(self, request: web.Request) -> web.Response:
        """Have jobs succeed at once."""
        wanted = _finishes.decode(await request.read())
        self._book.finish(wanted.job_ids, time.time())
        return web.Response(status=204)

    async def change_faults(self, request: web.Request) -> web.Response:
        """Misbehave in another way."""
        wanted = _faults.decode(await request.read())
        self._mood.change(wanted, time.time())
        for job_id in wanted.forgets:
            self._book.forget(job_id)
        return web.Response(status=204)


def _json(body: msgspec.Struct) -> web.Response:
    return web.Response(body=_encoder.encode(body), content_type="application/json")


def _json_or_404(body: msgspec.Struct | None) -> web.Response:
    return _problem(404, "there is no such job") if body is None else _json(body)


def _problem(status: int, sentence: str) -> web.Response:
    return web.json_response({"error": sentence}, status=status)
