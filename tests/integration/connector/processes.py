"""flytekit's own connector service, unmodified, in a process of its own."""

import os
import subprocess
import tempfile
from pathlib import Path
from typing import Self

import grpc

from tests.integration.machines import HeldPort

HERE = Path(__file__).parent
START_S = 40


class ConnectorProcess:
    """`pyflyte serve connector` with the connectors of the tests.

    It listens on all interfaces: flytekit has no option that says otherwise.

    Args:
        python: The interpreter that has flytekit.
        jobs_port: What its connectors talk to.
    """

    def __init__(self, python: str, jobs_port: int) -> None:
        self._port, self._figures_port = HeldPort(), HeldPort()
        self._python = python
        self._jobs_port = jobs_port
        self._files = tempfile.TemporaryDirectory(prefix="connectors-")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._port.number}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._files.cleanup()
        self._port.close()
        self._figures_port.close()

    def start(self) -> None:
        """Start it, and return when it answers."""
        ports = ["--port", str(self._port.number), "--prometheus_port", str(self._figures_port.number)]
        pyflyte = Path(self._python).with_name("pyflyte")
        self._process = subprocess.Popen(
            [str(pyflyte), "serve", "connector", *ports, "--modules", "flytekit_connectors"],
            cwd=HERE,
            env={**os.environ, "JOBS_PORT": str(self._jobs_port), "TMPDIR": self._files.name},
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
