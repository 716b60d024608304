"""What executions leave behind can be listed, shown, read and removed."""

import os
import pty
import re
import subprocess
import sys
import time

from tests.e2e.conftest import WAIT_S, Shell

COUNTING = """
from datetime import timedelta

from elevon import Task, workflow
from elevon.plugin import Executor, TaskStatus


class Count(Executor[None, int]):
    id = "count"
    task_types = ("count",)

    async def start_task(self, ctx, template, spec, inputs):
        return TaskStatus.running(1, check_after=timedelta(0))

    async def check_task_status(self, ctx):
        if ctx.state == 5:
            return TaskStatus.succeeded({})
        return TaskStatus.running(ctx.state + 1, check_after=timedelta(0))

    async def kill_task(self, ctx, reason):
        pass


count = Task("count", task_type="count")


@workflow
def counted() -> None:
    count()
"""


def test_executions_are_listed_newest_first(shell: Shell) -> None:
    for name in ("one", "two"):
        shell.run("run", "--execution-id", name, shell.program.name, "ratio", "--x", "1")
    documents = shell.json("executions")
    assert [document["execution"] for document in documents] == ["two", "one"]
    assert set(documents[0]) == {
        "execution", "workflow", "phase", "created_at", "started_at", "ended_at", "duration_s", "recovered_from",
    }  # fmt: skip
    assert [document["execution"] for document in shell.json("executions", "--limit", "1")] == ["two"]
    assert shell.json("executions", "--phase", "failed") == []


def test_show_tells_of_nodes_attempts_and_values(shell: Shell) -> None:
    shell.run("run", "--execution-id", "one", shell.program.name, "ratio", "--x", "3")
    document = shell.json("show", "one")
    assert (document["inputs"], document["outputs"]) == ({"x": 3, "y": 2}, {"o0": 3.0})
    assert [(node["node"], node["phase"], node["outputs"]) for node in document["nodes"]] == [
        ("n0", "SUCCEEDED", {"o0": 6}),
        ("n1", "SUCCEEDED", {"o0": 3.0}),
    ]
    assert document["nodes"][0]["attempts"][0]["phase"] == "SUCCEEDED"
    assert document["history"]
    text = shell.run("show", "on").stdout
    for part in ("execution one", "x: 3", "o0: 3.0", "(python-task)  SUCCEEDED in", "attempt 0  SUCCEEDED"):
        assert part in text
    assert "state at" not in text


MAPPING = """
from elevon import map_task, task, workflow


@task
def third(x: int) -> int:
    if x % 3 == 0:
        raise ValueError(f"{x} is no good")
    return x


@workflow
def thirds(xs: list[int]) -> list[int | None]:
    return map_task(third, min_success_ratio=0.5)(x=xs)
"""


def test_a_long_array_is_summed_up_and_json_has_all_of_it(shell: Shell) -> None:
    shell.program.write_text(MAPPING)
    numbers = ",".join(map(str, range(24)))
    told = shell.run("run", "--execution-id", "one", shell.program.name, "thirds", "--xs", f"[{numbers}]")
    assert "24 elements: 8 failed, 16 succeeded" in told.stderr
    # Whichever went wrong first: they run side by side.
    assert len(re.findall(r"^n0/\d+ \S+ FAILED", told.stderr, re.MULTILINE)) == 5
    text = shell.run("show", "one").stdout
    assert re.search(r"^  n0  map of program_\w+\.third  SUCCEEDED in", text, re.MULTILINE)
    assert "    24 elements: 8 failed, 16 succeeded\n" in text
    assert "n0/12  FAILED in" in text
    assert "    3 more failed: --output json names them\n" in text
    document = shell.json("show", "one")["nodes"][0]
    assert (document["kind"], document["element_count"], len(document["nodes"])) == ("array", 24, 24)
    assert "15 is no good" in shell.run("show", "one", "--node", "n0/15").stdout


def test_show_tells_of_the_custom_state_and_its_history(shell: Shell) -> None:
    shell.program.write_text(
        "from datetime import timedelta\n"
        "from elevon import workflow\n"
        "from elevon.tasktypes.sleep.task import Sleep\n"
        "nap = Sleep('nap', timedelta(milliseconds=50))\n"
        "@workflow\n"
        "def rest() -> None:\n"
        "    nap()\n"
    )
    done = shell.run("run", "--execution-id", "nap", shell.program.name, "rest")
    assert done.returncode == 0, done.stderr
    document = shell.json("show", "nap")
    assert "wake_at" in document["nodes"][0]["attempts"][0]["custom_state"]
    assert any(row["custom_state"] for row in document["history"])
    assert "state at" in shell.run("show", "nap").stdout
    (node,) = document["nodes"]
    story = shell.json("show", "nap", "--node", node["node"])
    assert [row["phase"] for row in story["history"]] == ["STARTING", "RUNNING", "SUCCEEDED"]
    told = shell.run("show", "nap", "--node", node["node"]).stdout
    assert '#0 RUNNING  (StatusReturned)\n    state: {"wake_at":' in told
    wrong = shell.run("show", "nap", "--node", "n7")
    assert wrong.returncode == 2
    assert f"execution nap has no node 'n7': there is {node['node']!r}" in wrong.stderr


def test_show_tells_the_newest_states_and_where_the_others_are(shell: Shell) -> None:
    (shell.directory / "counting.py").write_text(COUNTING)
    done = shell.run("run", "--execution-id", "one", "--tasktype", "counting:Count", "counting.py", "counted")
    assert done.returncode == 0, done.stderr
    text = shell.run("show", "one").stdout
    assert "2 earlier states are in the history that --node shows\n" in text
    assert re.findall(r"state at .*: (\d)$", text, re.MULTILINE) == ["3", "4", "5"]
    assert re.findall(r"state: (\d)$", shell.run("show", "one", "--node", "n0").stdout, re.MULTILINE) == list(
        "12345"
    )


def test_show_shortens_a_long_state_and_says_where_all_of_it_is(shell: Shell) -> None:
    long = COUNTING.replace("[None, int]", "[None, list[int]]").replace("running(1,", "running([7] * 200,")
    long = long.replace("ctx.state == 5", "len(ctx.state) > 200").replace("ctx.state + 1", "[*ctx.state, 8]")
    (shell.directory / "counting.py").write_text(long)
    done = shell.run("run", "--execution-id", "one", "--tasktype", "counting:Count", "counting.py", "counted")
    assert done.returncode == 0, done.stderr
    shown = re.findall(r"state at .*: (\[.*)$", shell.run("show", "one").stdout, re.MULTILINE)
    assert [one[160:] for one in shown] == [
        "... (401 characters: --node shows all)",
        "... (403 characters: --node shows all)",
    ]
    whole = f"state: [{','.join('7' * 200)}]\n"
    assert whole in shell.run("show", "one", "--node", "n0").stdout


def test_show_tells_what_an_attempt_has_trouble_with(shell: Shell) -> None:
    (shell.directory / "counting.py").write_text(
        COUNTING.replace("if ctx.state == 5", "if ctx.state.nothing")
    )
    shell.start("run", "--execution-id", "one", "--tasktype", "counting:Count", "counting.py", "counted")
    deadline = time.monotonic() + WAIT_S
    while "in trouble: check failed" not in (text := shell.run("show", "one").stdout):
        assert time.monotonic() < deadline, text
    assert "times: AttributeError: 'int' object has no attribute 'nothing'" in text


def test_show_tells_whether_somebody_drives_it(shell: Shell) -> None:
    process = shell.start_resting("long")
    assert "nobody drives it" not in shell.run("show", "long").stdout
    assert shell.json("show", "long")["is_driven"] is True
    shell.kill(process)
    assert shell.run("show", "long").stdout.endswith("nobody drives it; go on with: elevon resume long\n")
    assert shell.json("show", "long")["is_driven"] is False


def test_show_tells_for_how_long_something_has_been_running(shell: Shell) -> None:
    shell.start_resting("long")
    text = shell.run("show", "long").stdout
    assert re.search(r"^execution long .* RUNNING for \d", text)
    assert re.search(r"^  n0 .* RUNNING for \d", text, re.MULTILINE)
    assert re.search(r"^ +attempt 0  [A-Z]+ for \d.* s, started ", text, re.MULTILINE)


def test_logs_are_those_of_the_named_node(shell: Shell) -> None:
    shell.run("run", "--execution-id", "one", shell.program.name, "ratio", "--x", "3")
    assert shell.run("logs", "one").stdout == "--- n0, attempt 0, stdout ---\ndoubling 3\n"
    nothing = shell.run("logs", "one", "n1")
    assert (nothing.returncode, nothing.stdout) == (0, "")
    unknown = shell.run("logs", "one", "n9")
    assert unknown.returncode == 2
    assert "has no node 'n9': there are 'n0', 'n1'" in unknown.stderr


def test_who_follows_what_nobody_drives_is_told_and_follows_on(shell: Shell) -> None:
    shell.kill(shell.start_resting("long"))
    following = shell.start("logs", "long", "--follow")
    assert following.stderr is not None
    told = following.stderr.readline()
    assert told == "nobody drives execution long; go on with: elevon resume long\n"
    assert shell.run("abort", "long").returncode == 0
    _, more = following.communicate(timeout=WAIT_S)
    assert (following.returncode, "nobody drives" in more) == (0, False)


POD = """
from elevon import workflow
from elevon.tasktypes.sidecar.task import sidecar_task

FIRST = {"name": "fetch", "image": "busybox", "command": ["sh", "-c", "echo there; echo slowly >&2"]}


@sidecar_task(pod_spec={"containers": [{"name": "primary"}], "initContainers": [FIRST]})
def tell() -> int:
    print("here")
    return 1


@workflow
def telling() -> int:
    return tell()
"""


def test_logs_are_those_of_all_containers_of_a_pod(shell: Shell) -> None:
    shell.program.write_text(POD)
    shell.run("run", "--execution-id", "one", shell.program.name, "telling")
    assert shell.run("logs", "one").stdout == (
        "--- n0, attempt 0, stdout ---\n"
        "here\n"
        "--- n0, attempt 0, container fetch, stdout ---\n"
        "there\n"
        "--- n0, attempt 0, container fetch, stderr ---\n"
        "slowly\n"
    )


def test_a_deleted_execution_leaves_no_files(shell: Shell) -> None:
    shell.run("run", "--execution-id", "one", shell.program.name, "ratio", "--x", "3")
    assert list((shell.home / "data").rglob("stdout.log"))
    assert shell.json("delete", "one") == {"deleted": ["one"]}
    assert list((shell.home / "data").iterdir()) == []
    missing = shell.run("show", "one")
    assert missing.returncode == 2
    assert missing.stderr == (
        "elevon: there is no execution 'one': elevon executions lists all there are (looked for in "
        f"{shell.home})\n"
    )


def test_prune_spares_what_is_young(shell: Shell) -> None:
    shell.run("run", "--execution-id", "one", shell.program.name, "ratio", "--x", "3")
    assert shell.json("prune", "--older-than", "1d") == {"deleted": [], "launch_plans": []}
    assert shell.json("prune", "--older-than", "0s") == {"deleted": ["one"], "launch_plans": []}


def test_check_and_compile_run_nothing(shell: Shell) -> None:
    assert shell.run("check", shell.program.name).stdout == "ratio: right\nrest: right\n"
    closure = shell.json("compile", shell.program.name, "ratio")
    assert [node["id"] for node in closure["primary"]["template"]["nodes"]] == ["n0", "n1"]
    assert shell.trace == []


def test_help_behind_a_name_is_that_of_the_workflow(shell: Shell) -> None:
    text = shell.run("run", shell.program.name, "ratio", "--help").stdout
    for part in (
        "How often one goes into the other.",
        "--x int",
        "The one. (required)",
        "The other. (default: 2)",
    ):
        assert part in text


def test_a_terminal_shows_a_tree(shell: Shell) -> None:
    master, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "elevon", "run", shell.program.name, "ratio", "--x", "3"],
        cwd=shell.directory,
        env={**shell.environment, "TERM": "xterm", "COLUMNS": "100", "LINES": "30"},
        stderr=terminal,
        stdout=subprocess.PIPE,
        text=True,
    )
    os.close(terminal)
    drawn = b""
    while True:
        try:
            chunk = os.read(master, 4096)
        except OSError:  # Linux says so when the other side has closed
            break
        if not chunk:
            break
        drawn += chunk
    os.close(master)
    stdout, _ = process.communicate(timeout=WAIT_S)
    assert stdout == "outputs:\n  o0: 3.0\n"
    assert "✓" in drawn.decode()
    assert "double" in drawn.decode()
