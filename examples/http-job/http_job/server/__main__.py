"""`python -m http_job.server --ledger FILE [--port N]`: the service, in a process of its own.

It prints its address as soon as it listens, and ends by SIGTERM. Started again with the same ledger it knows its jobs.
"""

import argparse
import asyncio
import signal
from pathlib import Path

from aiohttp import web

from http_job.server import books, ledgers, routes

_LINE_LIMIT = 64 * 1024  # five hundred ids go into one request line


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m http_job.server", description=__doc__)
    parser.add_argument("--ledger", type=Path, required=True, help="file that remembers the jobs")
    parser.add_argument("--port", type=int, default=0, help="0 for a free one")
    options = parser.parse_args()
    asyncio.run(serve(options.ledger, options.port))


async def serve(path: Path, port: int) -> None:
    """Serve on loopback until SIGTERM."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    entries = ledgers.read(path)
    with ledgers.Ledger(path) as ledger:
        made = routes.application(books.JobBook(ledger, entries))
        runner = web.AppRunner(made, access_log=None, max_line_size=_LINE_LIMIT, shutdown_timeout=1.0)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", port).start()
            host, bound_port = runner.addresses[0][:2]
            print(f"http://{host}:{bound_port}", flush=True)
            await stopped.wait()
        finally:
            await runner.cleanup()


if __name__ == "__main__":
    main()
