"""flytekit's own connector service, unmodified, in a process of its own."""

import os
import subprocess
from pathlib import Path
from typing import Self

import grpc

from tests.integration.machines import free_port

HERE = Path(__file__).parent
START_S = 40


class ConnectorProcess:
    """`pyflyte serve connector` with the connectors of the tests.

    It listens on all interfaces: flytekit has no option that says otherwise.

    Args:
        python: The interpreter that has flytekit.
        jobs_port: What its connectors talk to.
        port: Where it serves; 0 for any port that is free.
    """

    def __init__(self, python: str, jobs_port: int, port: int = 0) -> None:
        self.port = port or free_port()
        self._python = python
        self._jobs_port = jobs_port
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        """Start it, and return when it answers."""
        words = ["serve", "connector", "--port", str(self.port), "--prometheus_port", str(free_port())]
        pyflyte = Path(self._python).with_name("pyflyte")
        self._process = subprocess.Popen(
            [str(pyflyte), *words, "--modules", "flytekit_connectors"],
            cwd=HERE,
            env={**os.environ, "JOBS_PORT": str(self._jobs_port)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        with grpc.insecure_channel(self.address, options=[("grpc.max_reconnect_backoff_ms", 200)]) as channel:
            grpc.channel_ready_future(channel).result(timeout=START_S)

    def kill(self) -> None:
        """End it at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
