"""What proves to a service of Hive who we are is in nothing that is written, and in no command line."""

import socket
from pathlib import Path

import psutil
import pytest

from elevon.plugin.transports import TransportError
from elevon.records.phases import ExecutionPhase
from elevon.tasktypes.hive.backends.hiveserver2 import couriers, statements
from elevon.tasktypes.hive.backends.hiveserver2.books import Book
from elevon.tasktypes.hive.backends.hiveserver2.couriers import Courier, Order
from elevon.tasktypes.hive.backends.hiveserver2.handles import Handle
from elevon.tasktypes.hive.configurations import HiveServer2Settings
from tests.integration.hive import worlds
from tests.integration.hive.qds.processes import TOKEN
from tests.integration.hive.worlds import Rig

PLANTED = "hunter2-of-ldap"


def leaks_below(folder: Path, value: str) -> list[Path]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path for path in files if value.encode() in path.read_bytes()]


@pytest.mark.parametrize(
    ("flow", "phase"), [("select_seven", ExecutionPhase.SUCCEEDED), ("lost", ExecutionPhase.FAILED)]
)
async def test_a_token_of_qubole_is_nowhere_in_the_home(
    qubole_rig: Rig, flow: str, phase: ExecutionPhase
) -> None:
    record = await qubole_rig.run(getattr(worlds, flow))
    assert record.phase is phase
    assert TOKEN not in str(record)
    assert leaks_below(qubole_rig.world.home.path, TOKEN) == []


async def test_a_token_that_was_refused_is_nowhere_either(
    qubole_rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("_FSEC_QUBOLE_API_TOKEN", PLANTED)
    record = await qubole_rig.run(worlds.select_seven)
    assert record.phase is ExecutionPhase.FAILED
    assert PLANTED not in str(record)
    assert leaks_below(qubole_rig.world.home.path, PLANTED) == []


async def test_a_password_of_a_hiveserver2_comes_to_its_courier_by_a_pipe_alone(tmp_path: Path) -> None:
    with socket.socket() as nobody:  # bound, and listens to nobody
        nobody.bind(("127.0.0.1", 0))
        settings = HiveServer2Settings(port=nobody.getsockname()[1], auth="LDAP")
        courier = Courier(Book(tmp_path / "book"), settings, PLANTED, 5.0)
        order = Order(
            "token", Handle(b"0" * 16, b"1" * 16).to_text(), statements.script_of("SELECT 1", "one")
        )
        with pytest.raises(TransportError) as raised:
            await courier.send(order)
        children = {child.pid for child in psutil.Process().children()}
        # Of a child of another test that has ended and is not buried yet None is told.
        told = [one.info for one in psutil.process_iter(["pid", "cmdline", "environ"]) if one.pid in children]
        await courier.close()
    assert any(couriers.__name__ in (one["cmdline"] or ()) for one in told)
    assert PLANTED not in f"{raised.value} {told}"
    assert leaks_below(tmp_path, PLANTED) == []
