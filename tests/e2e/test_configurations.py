"""What `elevon.toml` of the home says, commands are told, unless an option says otherwise."""

import pytest

from elevon import app
from tests.e2e.conftest import Shell

TYPES = """
import msgspec
from elevon.idl import literals
from elevon.plugin import Executor, ExecutorProperties, TaskStatus


class Settings(msgspec.Struct, frozen=True):
    greeting: str = "hello"


class Greeter(Executor[None, None]):
    id = "greeter"
    task_types = ("greeter",)
    config_type = Settings
    properties = ExecutorProperties(isolation="engine")

    async def initialize(self, setup):
        self.greeting = setup.config.greeting

    async def start_task(self, ctx, template, spec, inputs):
        return TaskStatus.succeeded({"o0": literals.string(f"{self.greeting} from {template.type}")})

    async def check_task_status(self, ctx):
        return TaskStatus.running()

    async def kill_task(self, ctx, reason):
        pass
"""
GREETINGS = """
from elevon import Task, workflow

greet = Task("greet", task_type="greeter", outputs={"o0": str})
strange = Task("strange", task_type="strange", outputs={"o0": str})


@workflow
def greetings() -> str:
    return greet()


@workflow
def stranger() -> str:
    return strange()
"""


def configure(shell: Shell, text: str) -> None:
    shell.home.mkdir(exist_ok=True)
    (shell.home / "elevon.toml").write_text(text)


@pytest.fixture
def greetings(shell: Shell) -> str:
    (shell.directory / "greeting_types.py").write_text(TYPES)
    (shell.directory / "greetings.py").write_text(GREETINGS)
    return "greetings.py"


def test_executors_and_their_settings_come_from_the_configuration(shell: Shell, greetings: str) -> None:
    configure(shell, 'tasktypes = ["greeting_types:Greeter"]\n[executors.greeter]\ngreeting = "moin"\n')
    document = shell.json("run", "--tasktype", "greeting_types:Greeter", greetings, "greetings")
    assert document["outputs"] == {"o0": "moin from greeter"}
    assert shell.run("check", greetings).stdout.startswith("greetings: right\nstranger: ")


def test_default_executor_serves_types_that_nobody_registered(shell: Shell, greetings: str) -> None:
    configure(shell, 'tasktypes = ["greeting_types:Greeter"]\n[engine]\ndefault_executor = "greeter"\n')
    assert shell.json("run", greetings, "stranger")["outputs"] == {"o0": "hello from strange"}


async def test_option_wins_over_the_configuration(shell: Shell) -> None:
    configure(shell, "[engine]\nmax_parallelism = 3\n")
    shell.run("run", "--execution-id", "configured", shell.program.name, "double", "--x", "1")
    shell.run(
        "run", "--execution-id", "told", "--max-parallelism", "2", shell.program.name, "ratio", "--x", "1", "--y", "0"
    )  # fmt: skip
    shell.run("recover", "told", "--execution-id", "recovered")
    assert await limits(shell) == {"configured": 3, "told": 2, "recovered": 2}


async def limits(shell: Shell) -> dict[str, int]:
    async with app.reading(app.Home(shell.home)) as admin:
        return {record.id.name: record.max_parallelism for record in await admin.list_executions()}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[engine]\nwrokers = 2\n", "there is no setting engine.wrokers: did you mean 'workers'?"),
        ("[enigne]\nworkers = 2\n", "there is no setting enigne: did you mean 'engine'?"),
        ("[engine]\nworkers = 0\n", "engine.workers: expected `int` >= 1"),
        ("[engine]\ndefault_executor = 'ecko'\n", "there is no executor 'ecko': did you mean 'echo'?"),
        ("[executors.slep]\nx = 1\n", "'slep', which is not there: did you mean 'sleep'?"),
        ("[executors.sleep]\nx = 1\n", "the executor 'sleep' takes no settings, and x is configured"),
        ("[pools.q]\nlimt = 1\n", "there is no setting pools.q.limt: did you mean 'limit'?"),
        ("[pools.q]\nlimit = 0\n", "pools.q.limit: expected `int` >= 1"),
        ("[pools.q]\nlimit_per_namespace = 1\n", "pools.q: it needs the setting `limit`"),
        ("[pools]\nq = 3\n", "pools.q: expected `table`, got `int`"),
        ("[hosts.etl]\npyhton = 'x'\n", "there is no setting hosts.etl.pyhton: did you mean 'python'?"),
        ("[hosts.etl]\nmemory_limit = '1Gi'\n", "[hosts.etl] names neither python nor tasktypes"),
        (
            "[hosts.etl]\npython = 'x'\nmemory_limit = 'much'\n",
            "hosts.etl.memory_limit: 'much' is no quantity",
        ),
        ("engine = 3\n", "engine: expected `table`, got `int`"),
        ("[executors]\nsleep = 3\n", "executors.sleep: expected `table`, got `int`"),
        ("[cluster]\nimages = ['nginx']\n", "cluster.images: expected `table`, got `array`"),
        ("[metrics]\nport = 'http'\n", "metrics.port: expected `int`, got `str`"),
        ("[logs]\nformat = 'xml'\n", "logs.format: 'xml' is none of 'text', 'json'"),
        ("workers 2\n", "is no TOML"),
    ],
)
def test_what_has_no_meaning_is_refused_with_file_and_name(shell: Shell, text: str, sentence: str) -> None:
    configure(shell, text)
    done = shell.run("run", shell.program.name, "double", "--x", "1")
    assert done.returncode == 2
    assert f"{shell.home}/elevon.toml" in done.stderr
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1
