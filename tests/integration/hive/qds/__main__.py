"""`python -m tests.integration.hive.qds FOLDER TOKEN`: the server, which prints its address.

It ends on SIGTERM, and when its stdin does: whoever started it is gone then.
"""

import asyncio
import signal
import sys
from pathlib import Path

from aiohttp import web

from tests.integration.hive.qds.books import Book
from tests.integration.hive.qds.routes import Service


async def main(folder: Path, token: str) -> None:
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), ended.set)
    book = Book(folder)
    runner = web.AppRunner(Service(book, token).app(), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    print(f"http://{host}:{port}", flush=True)
    await ended.wait()
    await book.close()
    await runner.cleanup()


if __name__ == "__main__":
    Path(sys.argv[1]).mkdir(parents=True, exist_ok=True)
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
