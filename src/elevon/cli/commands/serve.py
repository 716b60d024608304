"""`elevon serve`: the engine of a home as a service, with an API over HTTP."""

import argparse
import asyncio
import contextlib
import json
import os
import sys

from elevon import errors
from elevon.app import servings
from elevon.cli import answers, exits, grammar, invocations, reports, signals
from elevon.cli.invocations import Invocation
from elevon.records.phases import UNFINISHED
from elevon.serve import servers

_PORT = 7380


def declare(parser: argparse.ArgumentParser) -> None:
    """Add options."""
    grammar.add_home(parser)
    parser.add_argument(
        "--host",
        metavar="HOST",
        default="127.0.0.1",
        help="where to listen (default: 127.0.0.1, this machine alone; there is no authentication)",
    )
    parser.add_argument(
        "--port",
        metavar="N",
        type=grammar.port,
        default=_PORT,
        help=f"0 for any that is free (default: {_PORT})",
    )
    grammar.add_output(parser)
    grammar.add_engine(parser)


def run(options: argparse.Namespace) -> int:
    """Serve until a signal comes."""
    options.remote = ""  # a server of one's own is no server to ask, whatever ELEVON_REMOTE says
    invocation = invocations.of(options)
    invocation.configure_logs()
    return asyncio.run(_run(invocation, options.host, options.port))


async def _run(invocation: Invocation, host: str, port: int) -> int:
    with servers.listening(host, port) as listener:
        reports.write(sys.stderr, "".join(f"warning: {warning}\n" for warning in listener.warnings))
        async with servings.service(invocation.home, invocation.settings, listener) as service:
            await _serve(service, invocation)
            left = await service.embedded.admin.list_executions(UNFINISHED, 1)
    if not left:
        return exits.Exit.SUCCEEDED
    reports.write(sys.stderr, f"suspended; go on with: {invocation.command('serve')}\n")
    return exits.Exit.SUSPENDED


async def _serve(service: servings.Service, invocation: Invocation) -> None:
    """Drive what there is until a signal comes."""
    engine = service.embedded.engine
    interrupted = asyncio.Event()

    async def suspend() -> None:
        await interrupted.wait()
        reports.write(sys.stderr, f"{signals.SUSPENDING}\n")
        service.news.close()
        await engine.suspend()

    async def tell() -> None:
        await engine.ready()
        _say(service, invocation)

    with signals.caught(interrupted.set, lambda: None):
        helpers = [asyncio.ensure_future(one) for one in (suspend(), tell())]
        try:
            await engine.serve()
        except errors.ElevonError as error:
            raise exits.EngineStoppedError(error, invocation.command("serve")) from error
        finally:
            for helper in helpers:
                helper.cancel()
            for helper in helpers:
                with contextlib.suppress(asyncio.CancelledError):
                    await helper


def _say(service: servings.Service, invocation: Invocation) -> None:
    """Where it is reached: one line on stdout, once it is ready."""
    url, home = service.listener.url, str(invocation.home.path)
    line = f"elevon serves {home} at {url}"
    if invocation.is_json:
        line = json.dumps({"url": url, "home": home, "pid": os.getpid()})
    print(line, file=answers.stream(), flush=True)
