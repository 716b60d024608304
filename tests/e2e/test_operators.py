"""Whoever runs elevon sees its executors, drains task types, and ends what does not end by itself."""

import signal
import subprocess

from tests.e2e.conftest import WAIT_S, Shell

NAPS = """
import msgspec
from elevon.plugin import LauncherExecutor

class Config(msgspec.Struct):
    depth: int = 3
    place: str = "sofa"

class Nap(LauncherExecutor[None]):
    '''Sleeps in daylight.'''

    id = "nap"
    task_types = ("nap", "siesta")
    config_type = Config
"""
ENTRY_POINTS = """
[elevon.tasktypes]
nap = naps_of_a_stranger:Nap
ruins = ruins_of_a_stranger:Ruins
"""


def install(shell: Shell) -> None:
    """A package with an executor, and with another one that is broken."""
    metadata = shell.directory / "naps-1.2.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: naps\nVersion: 1.2\n")
    (metadata / "entry_points.txt").write_text(ENTRY_POINTS)
    (shell.directory / "naps_of_a_stranger.py").write_text(NAPS)
    (shell.directory / "ruins_of_a_stranger.py").write_text("raise OSError('the licence server is down')")
    before = shell.environment.get("PYTHONPATH", "")
    shell.environment["PYTHONPATH"] = f"{shell.directory}:{before}"


def configure(shell: Shell, text: str) -> None:
    shell.home.mkdir(exist_ok=True)
    (shell.home / "elevon.toml").write_text(text)


def read_until(process: subprocess.Popen[str], words: str) -> None:
    """Read what a command tells until it tells that."""
    assert process.stderr is not None
    for line in process.stderr:
        if words in line:
            return
    raise AssertionError(f"it never said {words!r}")


def left_unfinished(shell: Shell) -> None:
    """An execution x1 whose task runs, and which nobody drives."""
    process = shell.start_resting("x1")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=WAIT_S)


def test_all_executors_are_listed_with_where_they_come_from(shell: Shell) -> None:
    install(shell)
    found = shell.json("plugin", "list")
    by_id = {one["executor"]: one for one in found["executors"]}
    assert by_id["sleep"]["from"] == "elevon"
    assert by_id["nap"]["from"] == "naps 1.2"
    assert by_id["nap"]["task_types"] == ["nap", "siesta"]
    (problem,) = found["problems"]
    assert "the licence server is down" in problem
    listed = " ".join(shell.run("plugin", "list").stdout.split())
    assert "nap nap, siesta" in listed
    assert "not there: the entry point ruins = ruins_of_a_stranger:Ruins" in listed


def test_an_executor_is_shown_by_its_id_or_a_type_with_values_and_defaults(shell: Shell) -> None:
    install(shell)
    configure(shell, '[executors.nap]\nplace = "hammock"\n')
    shown = shell.run("plugin", "show", "siesta").stdout
    assert shown == shell.run("plugin", "show", "nap").stdout
    assert "executor nap  naps_of_a_stranger:Nap\n  Sleeps in daylight.\n" in shown
    assert "  depth: 3  (the default)\n" in shown
    assert "  place: hammock  (configured, the default is sofa)\n" in shown
    assert "attempts: 0 in flight, 0 waiting for resources, 0 parked\n" in shown
    document = shell.json("plugin", "show", "nap")
    assert document["configuration"] == {"depth": 3, "place": "hammock"}
    assert document["defaults"] == {"depth": 3, "place": "sofa"}
    (shell.home / "elevon.toml").write_text("[executors.hive.embedded]\nthreads = 2\n")
    shown = shell.run("plugin", "show", "hive").stdout
    assert "  embedded.threads: 2  (configured, the default is 0)\n" in shown
    assert '  embedded.memory: ""  (the default)\n' in shown


def test_an_executor_that_is_not_there_is_answered_by_the_reason_or_the_nearest(shell: Shell) -> None:
    install(shell)
    near = shell.run("plugin", "show", "siest")
    assert near.returncode == 2
    assert "there is no executor or task type 'siest': did you mean 'siesta'?" in near.stderr
    broken = shell.run("plugin", "show", "ruins")
    assert broken.returncode == 2
    assert "the licence server is down" in broken.stderr


def test_a_drained_type_waits_with_the_reason_and_goes_on_in_the_same_engine(shell: Shell) -> None:
    assert shell.run("plugin", "drain", "python-task", "--reason", "new image").returncode == 0
    process = shell.start("run", "--execution-id", "x1", shell.program.name, "ratio", "--x", "4")
    read_until(process, "the task type 'python-task' was drained by")
    (parked,) = shell.json("plugin", "show", "python")["parked"]
    assert parked["execution"] == "x1"
    assert ": new image;" in parked["reason"]
    assert shell.run("plugin", "resume", "python-task").returncode == 0
    assert process.wait(timeout=WAIT_S) == 0
    again = shell.run("plugin", "resume", "python-task")
    assert again.returncode == 2
    assert "the task type 'python-task' is not drained: no type is" in again.stderr


def test_a_type_that_nobody_has_can_not_be_drained(shell: Shell) -> None:
    wrong = shell.run("plugin", "drain", "slep")
    assert wrong.returncode == 2
    assert "did you mean 'sleep'?" in wrong.stderr


def test_an_attempt_is_failed_while_its_execution_is_driven(shell: Shell) -> None:
    process = shell.start_resting("x1")
    failed = shell.run("attempt", "fail", "x1", "n0", "--reason", "it rests too long")
    assert failed.returncode == 0
    assert failed.stdout in ("attempt 0 of node n0 is KILLING\n", "attempt 0 of node n0 is FAILED\n")
    _, told = process.communicate(timeout=WAIT_S)
    assert process.returncode == 1
    assert ": it rests too long" in told


def test_what_is_asked_while_nobody_drives_is_kept_for_the_next_engine(shell: Shell) -> None:
    left_unfinished(shell)
    kept = shell.run("attempt", "fail", "x1", "n0", "--reason", "it rests too long")
    assert kept.returncode == 0
    assert (
        "nobody drives execution x1: the request is kept, and obeyed by the next elevon resume x1"
        in kept.stdout
    )
    assert shell.run("resume", "x1").returncode == 1
    (attempt,) = shell.json("show", "x1")["nodes"][0]["attempts"]
    assert attempt["error"]["code"] == "USER:ForceFailed"


def test_orders_that_mean_nothing_are_refused_in_one_sentence(shell: Shell) -> None:
    left_unfinished(shell)
    for words, sentence in (
        (("unpark", "x1", "n0"), "attempt 0 of node n0 in execution x1 is not parked, it is "),
        (("abandon", "x1", "n0", "--reason", "no"), "only a kill or a finalizer can be abandoned"),
        (("fail", "x1", "n9", "--reason", "no"), "no node 'n9' of execution x1 has begun an attempt"),
        (("fail", "x1", "n0"), "the following arguments are required: --reason"),
        (("fail", "x1", "n0", "--reason", "no", "--attempt", "one"), "'one' is no number of an attempt"),
    ):
        refused = shell.run("attempt", *words)
        assert refused.returncode == 2
        assert sentence in refused.stderr
        assert refused.stderr.count("\n") == 1
