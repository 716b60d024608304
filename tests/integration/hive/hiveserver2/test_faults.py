"""What can go wrong with a HiveServer2, with a server of one's own to be killed."""

import asyncio
import shutil
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from elevon import app, errors, workflow
from elevon.idl import literals
from elevon.plugin.transports import TransportError
from elevon.primitives import ids
from elevon.propeller.machine.backoffs import Backoff
from elevon.records.phases import ExecutionPhase
from elevon.tasktypes.hive.backends.interfaces import Query
from elevon.tasktypes.hive.task import HiveQuery, HiveTask
from tests.integration.engine.worlds import World, until
from tests.integration.hive.hiveserver2.backends import backend_of, opened
from tests.integration.hive.hiveserver2.servers import HiveServer2
from tests.integration.hive.hiveserver2.sharing import shared_server

PATIENT = Backoff(first=timedelta(seconds=0.1), longest=timedelta(seconds=0.5), limit=1000)
START_S = 120

# How long it sleeps is read when it runs.
nap = HiveTask(
    "nap",
    HiveQuery(
        "SELECT reflect('java.lang.Thread', 'sleep', CAST(value AS BIGINT)) AS slept "
        "FROM text.`{{ .inputs.folder }}`",
        retries=1,
    ),
    inputs={"folder": str},
)
count = HiveTask("count", "SELECT count(*) AS rows FROM range(3)")


@workflow
def napping(folder: str) -> None:
    nap(folder=folder)


@workflow
def counting() -> None:
    count()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HiveServer2]:
    with HiveServer2(tmp_path_factory.mktemp("server")) as running:
        yield running


class Password:
    """A secret."""

    async def get(self, group: str, key: str, version: str = "") -> str:
        assert (group, key, version) == ("hiveserver2", "password", "")
        return "not-the-right-one"


def keytool(command: str, *words: str, store: Path) -> None:
    """One command of Java's own tool for keys."""
    program = shutil.which("keytool")
    assert program, "java has no keytool beside it"
    options = ("-alias", "server", "-keystore", str(store), "-storepass", "changeit")
    subprocess.run([program, command, *options, *words], check=True, capture_output=True)


async def shown(embedded: app.Embedded, execution: Any) -> str:
    """All that is said of its attempts."""
    view = await embedded.admin.view(execution)
    return " ".join(str(attempt) for node in view.walk() for attempt in node.attempts)


@pytest.mark.timeout(400)  # the JVM is started twice
async def test_a_server_that_is_restarted_loses_what_runs_and_it_is_run_again(
    server: HiveServer2, tmp_path: Path
) -> None:
    length = tmp_path / "length.txt"
    length.write_text("600000")
    world = World(tmp_path / "home")
    settings = {"backend": "hiveserver2", "resync_s": 0.2, "hiveserver2": {"port": server.port}}
    async with world.engine(configuration={"hive": settings}, backoff=PATIENT) as embedded:
        new = await world.create(embedded, napping, given={"folder": literals.string(f"file://{length}")})
        driven = asyncio.create_task(embedded.engine.drive(new))

        async def is_running(_: app.Embedded) -> bool:
            return "RUNNING" in await shown(embedded, new)

        await until(embedded, is_running)
        server.kill()
        late = await world.create(embedded, counting, name="x2")  # while it is down
        also_driven = asyncio.create_task(embedded.engine.drive(late))
        length.write_text("1")
        await asyncio.to_thread(server.start)
        async with asyncio.timeout(START_S):
            await driven
            await also_driven
        assert (await embedded.admin.get(new)).phase is ExecutionPhase.SUCCEEDED
        assert (await embedded.admin.get(late)).phase is ExecutionPhase.SUCCEEDED
    naps = [one for one in server.statements() if "'sleep'" in one.text]
    assert [one.ends[:1] for one in naps] == [(), ("Finish",)]
    assert sum("range(3)" in one.text for one in server.statements()) == 1


@pytest.mark.timeout(240)
async def test_wrong_credentials_are_a_refusal_that_names_the_user_also_over_tls(tmp_path: Path) -> None:
    store, certificates = tmp_path / "keys.p12", tmp_path / "server.pem"
    keytool("-genkeypair", "-dname", "CN=localhost", "-ext", "SAN=ip:127.0.0.1", "-keyalg", "EC", store=store)
    keytool("-exportcert", "-rfc", "-file", str(certificates), store=store)
    closed = {
        "hive.server2.authentication": "LDAP",
        "hive.server2.authentication.ldap.url": "ldap://127.0.0.1:1",
        "hive.server2.use.SSL": "true",
        "hive.server2.keystore.path": str(store),
        "hive.server2.keystore.password": "changeit",
    }
    with HiveServer2(tmp_path / "server", closed) as server:
        settings = {"port": server.port, "auth": "LDAP", "user": "ada", "tls": True}
        async with opened(tmp_path, Password(), ca_file=str(certificates), **settings) as backend:
            with pytest.raises(TransportError, match="did not let the user 'ada' in") as caught:
                await backend.prepare(Query(text="SELECT 1"), "t")
        async with opened(tmp_path, Password(), **settings) as backend:
            with pytest.raises(TransportError, match="certificate verify failed"):
                await backend.prepare(Query(text="SELECT 1"), "t")
    assert caught.value.status == 401
    assert not caught.value.is_transient
    assert "not-the-right-one" not in str(caught.value)


async def test_a_server_that_is_not_there_is_waited_for(tmp_path: Path) -> None:
    async with opened(tmp_path, port=1) as backend:
        with pytest.raises(
            TransportError, match=r"127\.0\.0\.1:1 did not take a connection: .*refused"
        ) as caught:
            await backend.prepare(Query(text="SELECT 1"), "t")
    assert caught.value.is_transient


async def test_a_host_that_does_not_exist_is_named(tmp_path: Path) -> None:
    async with opened(tmp_path, host="no-such-host.invalid") as backend:
        with pytest.raises(TransportError, match=r"no-such-host\.invalid"):
            await backend.prepare(Query(text="SELECT 1"), "t")


async def test_kerberos_and_a_missing_password_are_refused_when_the_backend_is_opened(tmp_path: Path) -> None:
    with pytest.raises(errors.UserError, match="auth = 'KERBEROS' is not possible"):
        await backend_of(tmp_path, auth="KERBEROS").open()
    with pytest.raises(errors.NotFoundError, match="hiveserver2"):
        await backend_of(tmp_path, auth="LDAP").open()


@pytest.mark.timeout(240)  # the first test of a run with the server waits until that has started
async def test_a_database_that_is_not_there_and_a_setting_that_is_forbidden_are_refusals(
    tmp_path: Path,
) -> None:
    port = shared_server().port
    forbidden = {"hive.security.authorization.enabled": "false"}
    for settings, words in (({"database": "nowhere"}, "nowhere"), ({"session": forbidden}, "Cannot modify")):
        async with opened(tmp_path, port=port, **settings) as backend:
            with pytest.raises(TransportError, match=words) as caught:
                await backend.prepare(Query(text="SELECT 1"), "t")
            assert not caught.value.is_transient


@pytest.mark.timeout(240)
async def test_a_server_of_the_other_kind_of_login_is_a_hint(tmp_path: Path) -> None:
    async with opened(tmp_path, port=shared_server().port, auth="NOSASL") as backend:
        with pytest.raises(TransportError, match="auth = 'NOSASL' what it wants"):
            await backend.prepare(Query(text="SELECT 1"), "t")


@pytest.mark.timeout(240)
async def test_a_session_outlives_the_backend_that_opened_it(tmp_path: Path) -> None:
    user = ids.new("user", 20)
    where = {"port": shared_server().port, "user": user}
    query = Query(text="SELECT 1 AS one")
    async with opened(tmp_path / "a", **where) as first:
        prepared = await first.prepare(query, "t")
    async with opened(tmp_path / "a", **where) as second:
        handle = await second.submit(query, "t", prepared)
        assert await second.find("t", prepared) == handle
        await second.release("t", prepared, handle)


@pytest.mark.timeout(240)
async def test_what_another_machine_may_have_sent_is_ended_and_left_to_an_operator(tmp_path: Path) -> None:
    user = ids.new("user", 20)
    where = {"port": shared_server().port, "user": user}
    create = Query(text=f"CREATE TABLE {user.replace('-', '_')} AS SELECT 1 AS one")
    async with opened(tmp_path / "a", **where) as here, opened(tmp_path / "b", **where) as elsewhere:
        prepared = await here.prepare(create, "t")
        with pytest.raises(errors.MayHaveHappenedError):
            await elsewhere.find("t", prepared)
        prepared = await here.prepare(Query(text="SELECT 1"), "u")
        assert await elsewhere.find("u", prepared) is None
        handle = await elsewhere.submit(Query(text="SELECT 1"), "u", prepared)  # in a session of its own
        await elsewhere.release("u", prepared, handle)
