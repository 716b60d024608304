"""A real HiveServer2: Spark's Thrift server from PyPI's pyspark, a process of whoever tests against it.

Its ledger is its own event log, in which Spark notes every statement that was sent to it, and how each ended.
"""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import impala.dbapi
import pyspark

from elevon.primitives import ids
from tests.integration.machines import HeldPort

START_S = 120.0
_MAIN = "org.apache.spark.sql.hive.thriftserver.HiveThriftServer2"
_US = "ledger"  # who asks only so as to know
_EVENTS = "org.apache.spark.sql.hive.thriftserver.ui.SparkListenerThriftServerOperation"


class Statement(NamedTuple):
    """What somebody sent.

    Attributes:
        id: The server's name for it.
        user: Who sent it.
        text: As it was sent.
        ends: How it ended, in their order: Finish, Error, Canceled, Closed.
    """

    id: str
    user: str
    text: str
    ends: tuple[str, ...]

    @property
    def is_over(self) -> bool:
        """Whether nothing of it runs."""
        return bool(self.ends)


class Job(NamedTuple):
    """What Spark ran for a statement.

    Attributes:
        statement: The server's name for that.
        begun_at: In seconds, as `time.time` has it.
        is_over: Whether it has ended.
    """

    statement: str
    begun_at: float
    is_over: bool


class HiveServer2:
    """The server, at one port for as long as this is open.

    Args:
        directory: Of its files: warehouse, metastore, logs.
        hive: Settings of Hive on top of ours; how one logs in is among them.

    Raises:
        RuntimeError: There is no Java, or the server does not start; says why.
    """

    def __init__(self, directory: Path, hive: Mapping[str, str] | None = None) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self._held = HeldPort()
        self.port = self._held.number
        self._hive = dict(hive or {})
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as failed:
            failed.enter_context(self._held)
            self.start()
            failed.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        self._held.close()

    @property
    def pid(self) -> int:
        """The process."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it, and return when it has run a first query of a kind, which is the slowest."""
        if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
            raise RuntimeError(
                "a HiveServer2 needs a Java runtime, and there is no java here: install one of version 17 or newer, as "
                ".ci/run does with `apt-get install default-jre-headless`"
            )
        log = self.directory / "server.log"
        for name in ("events", "scratch"):
            (self.directory / name).mkdir(exist_ok=True)
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                self._command(),
                cwd=self.directory,
                env={**os.environ, "SPARK_LOCAL_IP": "127.0.0.1", "SPARK_CONF_DIR": str(self.directory)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                said = log.read_text(errors="replace")[-3000:]
                raise RuntimeError(f"Spark's Thrift server did not start within {START_S:.0f} s: {said}")
            time.sleep(0.1)
        if "hive.server2.authentication" in self._hive:
            return  # it lets nobody in, as far as we know
        rows = "SELECT count(*) AS count FROM range(0, 1, 1, 1)"
        _run(self.port, f"INSERT OVERWRITE DIRECTORY '{self.directory}/first' STORED AS PARQUET {rows}")

    def kill(self) -> None:
        """End it as a crash would, with all that it started."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def statements(self) -> list[Statement]:
        """All that it was ever sent, before and after restarts."""
        return read_statements(self.directory, self.port)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5):
                return True
        except OSError:
            return False

    def _command(self) -> list[str]:
        spark = {
            "spark.ui.enabled": "false",
            "spark.driver.host": "127.0.0.1",
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.sql.warehouse.dir": f"{self.directory}/warehouse",
            "spark.sql.shuffle.partitions": "1",
            "spark.eventLog.enabled": "true",
            "spark.eventLog.dir": f"file://{self.directory}/events",
            "spark.eventLog.compress": "false",
            "spark.eventLog.rolling.enabled": "false",
            "spark.hadoop.javax.jdo.option.ConnectionURL": "jdbc:derby:memory:metastore;create=true",
        }
        hive = {
            "hive.server2.thrift.bind.host": "127.0.0.1",
            "hive.server2.thrift.port": str(self.port),
            "hive.exec.scratchdir": f"{self.directory}/scratch",
            "hive.exec.local.scratchdir": f"{self.directory}/scratch",
            **self._hive,
        }
        places = f"-Dderby.system.home={self.directory} -Djava.io.tmpdir={self.directory}"
        java = f"-XX:TieredStopAtLevel=1 -XX:+UseSerialGC {places}"  # it is to start soon, not to run long
        words = [str(Path(pyspark.__file__).parent / "bin" / "spark-submit"), "--class", _MAIN]
        words += ["--master", "local[4]", "--driver-memory", "700m", "--driver-java-options", java]
        words += [word for key, value in spark.items() for word in ("--conf", f"{key}={value}")]
        words.append("spark-internal")
        return [*words, *(word for key, value in hive.items() for word in ("--hiveconf", f"{key}={value}"))]


def read_statements(directory: Path, port: int) -> list[Statement]:
    """The ledger of the server with this directory, with all that has happened at this port until now."""
    found = _marked(directory, port)
    return [statement for statement in found if statement.user != _US]


def read_jobs(directory: Path, port: int) -> list[Job]:
    """The jobs of the server with this directory that have begun until now."""
    _marked(directory, port)
    begun: dict[int, tuple[str, float]] = {}
    ended: set[int] = set()
    for event in _events(directory, "SparkListenerJob"):
        if event["Event"] == "SparkListenerJobStart":
            group = event.get("Properties", {}).get("spark.jobGroup.id", "")
            begun[event["Job ID"]] = (group, event["Submission Time"] / 1000)
        else:
            ended.add(event["Job ID"])
    return [Job(*said, id_ in ended) for id_, said in begun.items()]


def _marked(directory: Path, port: int) -> list[Statement]:
    """All statements, of which the last is one that is sent now."""
    mark = f"SELECT 1 AS {ids.new('mark', 20).replace('-', '_')}"
    _run(port, mark)
    deadline = time.monotonic() + START_S
    while True:  # the log is written in order, a moment late
        found = _read(directory)
        if any(statement.text == mark and statement.is_over for statement in found):
            return found
        assert time.monotonic() < deadline, f"the events of {directory} end before {mark}"
        time.sleep(0.05)


def _run(port: int, statement: str) -> None:
    """By a client that nobody here wrote."""
    with (
        impala.dbapi.connect("127.0.0.1", port, auth_mechanism="PLAIN", user=_US) as connection,
        connection.cursor(user=_US) as cursor,
    ):
        cursor.execute(statement)


def _read(directory: Path) -> list[Statement]:
    begun: dict[str, tuple[str, str]] = {}
    ended: dict[str, list[str]] = {}
    for event in _events(directory, _EVENTS):
        what = event["Event"].removeprefix(_EVENTS)
        if what == "Start":
            begun[event["id"]] = (event["userName"], event["statement"])
        elif what in ("Finish", "Error", "Canceled", "Closed", "Timeout"):
            ended.setdefault(event["id"], []).append(what)
    return [Statement(id_, *said, tuple(ended.get(id_, ()))) for id_, said in begun.items()]


def _events(directory: Path, kind: str) -> Iterator[dict[str, Any]]:
    """The events whose name begins so, of all starts of the server."""
    for file in sorted((directory / "events").iterdir()):
        for line in file.read_text().splitlines():
            if f'"Event":"{kind}' in line:
                with contextlib.suppress(json.JSONDecodeError):  # it is being written
                    yield json.loads(line)
