"""A secret that was handed out is nowhere to be found: not in the home, not in a log, not in what a command prints."""

import base64
import contextlib
import json
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.e2e.conftest import Shell

PLANTED = "hunter2/grün+8675309"
FORMS = {
    "plain": PLANTED,
    "as in JSON": json.dumps(PLANTED)[1:-1],
    "as in a URL": quote(PLANTED, safe=""),
    "in base64": base64.b64encode(PLANTED.encode()).decode(),
    "in base64 after a name": base64.b64encode(f"me:{PLANTED}".encode()).decode()[4:-4],
}

TYPES = """
import base64
import logging
import os
import subprocess
from urllib.parse import quote

import msgspec
from elevon import errors
from elevon.plugin import Executor, ExecutorProperties, TaskStatus
from elevon.records.attempts import LogLink
from elevon.records.failures import Failure

log = logging.getLogger("leaky")


class State(msgspec.Struct):
    connection: dict[str, str]


class Leaky(Executor[None, State]):
    id = "leaky"
    task_types = ("raises", "fails", "tells", "keeps", "does", "chains", "prints_it")
    properties = ExecutorProperties(isolation=os.environ["ISOLATION"])

    async def initialize(self, setup):
        self.secret = await setup.secrets.get("db", "password")
        setup.metrics.counter("logins", "logins at the service").add()
        log.warning("will log in with %s", self.secret)

    async def start_task(self, ctx, template, spec, inputs):
        log.info("about to %s with %s", template.type, self.secret, extra={"url": quote(self.secret)})
        basic = base64.b64encode(f"me:{self.secret}".encode()).decode()
        match template.type:
            case "raises":
                raise errors.UserError(f"login refused: {self.secret}, Authorization: Basic {basic}")
            case "chains":
                try:
                    raise ValueError(self.secret)
                except ValueError as error:
                    raise errors.NonRecoverable(f"no login by {self.secret!r}") from error
            case "fails":
                return TaskStatus.permanent_failure(Failure(code="USER:Login", message=f"{basic} was refused",
                                                            traceback=f"login({self.secret!r})"))
            case "tells":
                return TaskStatus.running(
                    State({}), reason=f"logs in by {self.secret}", custom_info={"password": [self.secret]},
                    log_links=(LogLink("log", f"https://example.org/?p={quote(self.secret, safe='')}"),),
                    check_after=__import__("datetime").timedelta(milliseconds=10),
                )
            case "keeps":
                return TaskStatus.running(State({"login": f"me:{self.secret}"}))
            case "prints_it":
                print("print", self.secret, flush=True)
                os.write(2, f"write {self.secret}\\n".encode())
                subprocess.run(["echo", "child", self.secret])
                os._exit(3)
            case "does":
                async def submit(token):
                    return {"session": self.secret}
                await ctx.once("login", submit)

    async def check_task_status(self, ctx):
        log.error("gave up %s", self.secret)
        return TaskStatus.permanent_failure(f"told {self.secret}")

    async def kill_task(self, ctx, reason):
        log.info("killed with %s", self.secret)
"""

SEEKING = """
from elevon import errors
from elevon.plugin import ExecutorProperties
from leaky_types import Leaky


class Seeking(Leaky):
    properties = ExecutorProperties(isolation="engine", discovers_types=True)

    async def initialize(self, setup):
        await super().initialize(setup)
        raise errors.UnavailableError(f"no login by {self.secret}")
"""

WORKFLOWS = """
import os, subprocess, time
from pathlib import Path
from elevon import Secret, Task, current_context, if_, task, workflow
from elevon.tasktypes.container.task import ContainerTask

PASSWORD = Secret("db", "password", env_var="PGPASSWORD")
CERTIFICATE = Secret("db", "password", mount_requirement=Secret.MountType.FILE)

raises = Task("raises", task_type="raises")
chains = Task("chains", task_type="chains")
fails = Task("fails", task_type="fails")
tells = Task("tells", task_type="tells")
keeps = Task("keeps", task_type="keeps")
does = Task("does", task_type="does")
prints_it = Task("prints_it", task_type="prints_it")
script = 'echo "out $PGPASSWORD"; echo "err $PGPASSWORD" >&2; exit 3'
command = ContainerTask("command", "none", ["sh", "-c", script], secret_requests=[PASSWORD])
missing_command = ContainerTask("missing_command", "none", ["true"], secret_requests=[Secret("db", "pasword")])


@task(secret_requests=[PASSWORD])
def prints() -> int:
    secret = current_context().secrets.get("db", "password")
    print("it is", secret)
    current_context().logger.warning("it is %s", secret)
    subprocess.run(["sh", "-c", "echo $PGPASSWORD; echo $_FSEC_DB_PASSWORD >&2"], check=True)
    return len(secret)


@task(secret_requests=[CERTIFICATE])
def reads() -> int:
    print(Path(os.environ["FLYTE_SECRETS_DEFAULT_DIR"], "db", "password").read_text())
    return len(current_context().secrets.get("db", "password"))


@task(secret_requests=[PASSWORD], retries=1)
def breaks() -> int:
    raise ValueError(f"no login by {os.environ['PGPASSWORD']!r}")


@task
def looks(after: int) -> str:
    return " ".join(name for name, value in os.environ.items() if "hunter" in value or name.startswith("_FSEC"))


@task(secret_requests=[PASSWORD, CERTIFICATE])
def lingers() -> None:
    print(os.environ["PGPASSWORD"], flush=True)
    Path(__file__).with_name("lingering").write_text("here")
    time.sleep(600)


script = f'echo "$PGPASSWORD"; echo here > {Path(__file__).with_name("lingering")}; sleep 600'
both = [PASSWORD, CERTIFICATE]
lingering_command = ContainerTask("lingering_command", "none", ["sh", "-c", script], secret_requests=both)


@workflow
def good() -> str:
    printed = prints()
    return looks(after=printed)


@workflow
def good_file() -> int:
    return reads()


@workflow
def bad() -> int:
    return breaks()


@task(secret_requests=[Secret("db", "pasword")])
def mistyped() -> int:
    Path(__file__).with_name("was_started").touch()
    return 1
"""


def leaks_in(content: bytes) -> list[str]:
    """In which forms something holds the planted value."""
    return [name for name, form in FORMS.items() if form.encode() in content]


def leaks_below(folder: Path) -> dict[str, list[str]]:
    """The files that hold it."""
    found: dict[str, list[str]] = {}
    for path in folder.rglob("*"):
        with contextlib.suppress(
            FileNotFoundError
        ):  # an engine that runs has put it in its place, or removed it
            if path.is_file() and (forms := leaks_in(path.read_bytes())):
                found[str(path.relative_to(folder))] = forms
    return found


@pytest.fixture
def leaky(shell: Shell) -> Shell:
    (shell.directory / "leaky_types.py").write_text(TYPES)
    (shell.directory / "leaks.py").write_text(WORKFLOWS)
    shell.environment |= {"_FSEC_DB_PASSWORD": PLANTED, "ISOLATION": "thread"}
    return shell


@pytest.mark.parametrize(
    ("name", "isolation", "log_format", "code", "told"),
    [
        ("raises", "thread", "text", 1, "login refused: ***, Authorization: Basic "),
        ("raises", "engine", "json", 1, "login refused: ***, Authorization: Basic "),
        ("raises", "process", "json", 1, "login refused: ***, Authorization: Basic "),
        ("chains", "thread", "text", 1, "no login by '***'"),
        ("chains", "process", "json", 1, "no login by '***'"),
        ("fails", "thread", "text", 1, "*** was refused"),
        ("tells", "thread", "json", 1, "told ***"),
        ("tells", "process", "text", 1, "told ***"),
        ("keeps", "thread", "text", 1, "state.connection.login holds a secret"),
        ("prints_it", "process", "text", 1, "child *"),
        ("command", "thread", "json", 1, "err ***"),
        ("bad", "thread", "text", 1, "no login by '***'"),
        ("good", "thread", "json", 0, ""),
        ("good_file", "thread", "text", 0, ""),
    ],
)
def test_a_secret_is_in_nothing_that_is_written(
    leaky: Shell, name: str, isolation: str, log_format: str, code: int, told: str
) -> None:
    leaky.environment["ISOLATION"] = isolation
    options = ("--tasktype", "leaky_types:Leaky", "--log-level", "debug", "--log-format", log_format)
    done = leaky.run("run", "--execution-id", "leak", *options, "leaks.py", name)
    said = [
        done,
        leaky.run("show", "leak"),
        leaky.run("show", "leak", "--output", "json"),
        leaky.run("logs", "leak"),
        leaky.run("executions"),
    ]
    assert done.returncode == code, done.stderr
    assert told in done.stderr
    assert "***" in "".join(each.stdout + each.stderr for each in said)
    assert [leaks_in((each.stdout + each.stderr).encode()) for each in said] == [[]] * len(said)
    assert leaks_below(leaky.home) == {}


def test_a_check_that_asks_executors_for_their_types_writes_no_secret(leaky: Shell) -> None:
    (leaky.directory / "seeking.py").write_text(SEEKING)
    (leaky.directory / "unserved.py").write_text(
        "from elevon import Task, workflow\n"
        "unserved = Task('unserved', task_type='unserved')\n"
        "@workflow\ndef w(): unserved()\n"
    )
    done = leaky.run("check", "--tasktype", "seeking:Seeking", "unserved.py")
    assert "will log in with ***" in done.stderr
    assert leaks_in((done.stdout + done.stderr).encode()) == []


def test_an_effect_whose_result_is_a_secret_waits_for_a_release_that_mends_it(leaky: Shell) -> None:
    process = leaky.start(
        "run", "--execution-id", "leak", "--tasktype", "leaky_types:Leaky", "leaks.py", "does"
    )
    while "result.session of once('login') holds a secret" not in leaky.run("show", "leak").stdout:
        assert process.poll() is None, process.communicate()
    process.terminate()
    out, err = process.communicate()
    assert leaks_in((out + err + leaky.run("show", "leak").stdout).encode()) == []
    assert leaks_below(leaky.home) == {}


@pytest.mark.parametrize("name", ["lingers", "lingering_command"])
def test_an_engine_that_is_killed_leaves_no_secret_behind(leaky: Shell, name: str) -> None:
    process = leaky.start_lingering("run", "leaks.py", name)
    assert leaks_below(leaky.home), "what is to be removed is not there at all"
    leaky.kill(process)
    assert leaks_below(leaky.home) == {}


def test_no_other_task_finds_the_secret_in_its_environment(leaky: Shell) -> None:
    document = leaky.json("run", "--workers", "1", "leaks.py", "good")
    assert document["outputs"] == {"o0": ""}


@pytest.mark.parametrize("name", ["mistyped", "missing_command"])
def test_a_task_whose_secret_is_missing_fails_before_it_starts(leaky: Shell, name: str) -> None:
    done = leaky.run("run", "leaks.py", name)
    assert done.returncode == 1
    assert (
        "there is no secret 'pasword' of the group 'db': set the variable _FSEC_DB_PASWORD, "
        "or write the file /etc/secrets/db/pasword"
    ) in done.stderr
    assert not (leaky.directory / "was_started").exists()


def test_the_configuration_says_where_secrets_are(leaky: Shell) -> None:
    folder = leaky.directory / "kept"
    (folder / "db").mkdir(parents=True)
    (folder / "db" / "password").write_text(f"{PLANTED}\n")
    leaky.home.mkdir()
    (leaky.home / "elevon.toml").write_text(f'[secrets]\nenv_prefix = "MINE_"\ndefault_dir = "{folder}"\n')
    assert leaky.json("run", "leaks.py", "good_file")["outputs"] == {"o0": len(PLANTED)}
    (folder / "db" / "password").unlink()
    assert "set the variable MINE_DB_PASSWORD" in leaky.run("run", "leaks.py", "good_file").stderr
