"""`elevon serve`, and the commands that ask a server what they would ask a home."""

import json
import resource
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from elevon.cli.signals import SUSPENDING
from tests.e2e.conftest import WAIT_S, Shell
from tests.e2e.servers import FLYTE, Server, end


def test_a_run_at_a_server_prints_what_a_run_in_a_home_prints(server: Server) -> None:
    server.start()
    client = server.client
    words = ["--execution-id", "one", client.program.name, "ratio", "--x", "3"]
    remote = client.run("run", *words)
    local = client.run("run", "--home", str(client.home), *words)
    assert (remote.returncode, remote.stdout) == (0, local.stdout) == (0, "outputs:\n  o0: 3.0\n")
    assert remote.stderr.splitlines()[0] == local.stderr.splitlines()[0] == "execution one"
    assert remote.stderr.splitlines()[-1].startswith("one SUCCEEDED in ")
    assert not (server.shell.directory / client.program.name).exists(), "the code came with the request"
    assert server.client.trace == ["double 3", "divide 6 2"] * 2


def test_executions_show_and_logs_are_the_same_at_a_server_and_in_its_home(server: Server) -> None:
    server.start()
    client = server.client
    client.run("run", "--execution-id", "good", client.program.name, "ratio", "--x", "3")
    failed = client.run("run", "--execution-id", "bad", client.program.name, "ratio", "--x", "3", "--y", "0")
    assert (failed.returncode, "ZeroDivisionError: division by zero" in failed.stderr) == (1, True)
    assert failed.stderr.endswith("once it is mended: elevon recover bad\n")
    for words in (
        ["executions", "--output", "json"],
        ["executions", "--phase", "failed", "--limit", "1"],
        ["show", "good"],
        ["show", "ba", "--output", "json"],
        ["logs", "good"],
        ["logs", "good", "n9"],
        ["abort", "good"],
    ):
        processes = [client.start(*words), server.shell.start(*words)]
        remote, local = [(*one.communicate(timeout=WAIT_S), one.returncode) for one in processes]
        assert remote == local


def test_what_is_detached_runs_until_it_is_aborted(server: Server) -> None:
    server.start()
    client = server.client
    words = ["run", "--detach", "--execution-id", "lazy", client.program.name, "rest", "--seconds", "600"]
    started = client.run(*words)
    assert (started.returncode, started.stdout) == (0, "lazy\n")
    assert client.run(*words).stdout == "lazy\n", "sent again it is the same"
    other = client.run(*words[:-1], "500")
    assert (other.returncode, "'lazy' is taken" in other.stderr) == (2, True)
    aborted = client.run("abort", "lazy", "--reason", "enough", "--output", "json")
    assert (aborted.returncode, json.loads(aborted.stdout)["phase"]) == (0, "ABORTED")
    assert "aborted by" in client.run("show", "lazy").stdout


def test_a_signal_ends_the_watching_and_not_the_execution(server: Server) -> None:
    server.start()
    process = server.client.start_resting("lazy")
    code, said = end(process, signal.SIGINT)
    assert (code, said.splitlines()[-1]) == (130, "the server goes on with it; look by: elevon show lazy")
    assert server.client.json("executions", "--phase", "running")[0]["execution"] == "lazy"


HASTY = """
import sys
from elevon.cli.main import main
from elevon.serve import clients

clients._PATIENCE_S = 1.0
sys.exit(main())
"""


def test_who_watches_a_server_that_died_is_told_at_once_and_then_how_to_look_again(server: Server) -> None:
    process = server.start()
    client = server.client
    words = ["run", "--execution-id", "lazy", client.program.name, "rest", "--seconds", "600"]
    with subprocess.Popen(
        [sys.executable, "-c", HASTY, *words],
        stderr=subprocess.PIPE,
        text=True,
        cwd=client.directory,
        env=client.environment,
    ) as watching:
        assert watching.stderr is not None
        assert any(line == "lazy RUNNING\n" for line in watching.stderr)
        process.kill()
        process.communicate()
        *_, waited, lost, standing = watching.stderr.read().splitlines()
    assert watching.returncode == 130
    assert waited == f"the server at {server.url} does not answer; it is waited for, for 1 s"
    assert lost.startswith(f"elevon: no server answers at {server.url}")
    assert standing == (
        "it is durable there, and the next server over that home goes on with it; look by: elevon show lazy"
    )


def test_a_server_says_what_is_wrong_before_anything_runs(server: Server) -> None:
    server.start()
    client = server.client
    for words, sentence in (
        (["ratio"], "input 'x' (int) is missing"),
        (["ratio", "--x", "1", "--execution-id", "Not A Name"], "is no name: use"),
        (["ratio", "--x", "1", "--workers", "2"], "--workers is what an engine is told"),
        (["ratio", "--x", "1", "--home", "h", "--remote", server.url], "--home and --remote are both given"),
        (["ratio", "--x", "1", "--remote", "nowhere"], "'nowhere' is no URL of a server"),
    ):
        done = client.run("run", client.program.name, *words)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert sentence in done.stderr
    assert client.json("executions") == []


def test_a_command_for_homes_does_not_pass_over_a_server(server: Server) -> None:
    server.client.environment["ELEVON_REMOTE"] = "http://127.0.0.1:1"
    done = server.client.run("plugin", "replay", "one", "n0")
    assert (done.returncode, "this command works on a home alone" in done.stderr) == (2, True)


def test_nobody_there_is_one_sentence(shell: Shell) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        done = shell.run("executions", "--remote", url)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert f"no server answers at {url}" in done.stderr


def test_the_api_is_flytes(server: Server) -> None:
    server.start()
    client = server.client
    client.run("run", "--execution-id", "one", client.program.name, "ratio", "--x", "3")
    assert server.ask("/healthz") == (200, {"status": "alive"})
    assert server.ask("/readyz") == (200, {"status": "ready"})
    _, listed = server.ask(f"{FLYTE}?limit=10")
    assert [one["closure"]["phase"] for one in listed["executions"]] == ["SUCCEEDED"]
    _, nodes = server.ask("/api/v1/node_executions/default/development/one")
    assert [one["id"]["nodeId"] for one in nodes["nodeExecutions"]] == ["n0", "n1"]
    status, refused = server.ask(f"{FLYTE}/one", "DELETE")
    assert (status, refused["code"]) == (400, "USER:BadRequest")
    status, refused = server.ask("/healthz", Host="elevon.example")
    assert (status, "is not this server's" in refused["message"]) == (421, True)
    assert "elevon_commit_rows_total" in server.read("/metrics")[1]
    for offset in (1 << 40, (1 << 63) - 1):
        path = f"/elevon/v1/executions/one/logs?node=n0&attempt=0&offset={offset}"
        assert server.read(path) == (200, ""), "nothing was written so far"


def test_a_server_that_is_ended_leaves_everything_resumable(server: Server) -> None:
    process = server.start()
    server.client.start_resting("lazy")
    code, said = end(process)
    assert (code, said) == (
        130,
        f"{SUSPENDING}\nsuspended; go on with: elevon serve\n",
    )
    assert not server.shell.json("show", "lazy")["is_driven"]


def test_a_server_without_work_ends_as_done(server: Server) -> None:
    code, _ = end(server.start(), signal.SIGINT)
    assert code == 0


def test_a_second_signal_ends_a_server_at_once(server: Server) -> None:
    server.shell.environment["PYTHONUNBUFFERED"] = "1"
    process = server.start()
    server.client.start_resting("lazy")
    process.send_signal(signal.SIGTERM)
    code, _ = end(process)
    assert code == 130


RELAY = """

@task
def hold(x: int, gate: str) -> int:
    while not Path(gate).exists():
        time.sleep(0.02)
    return x


@workflow
def relay(x: int, gate: str) -> int:
    return double(x=hold(x=double(x=x), gate=gate))
"""


def test_a_killed_server_is_followed_by_one_that_finishes_everything(server: Server) -> None:
    process = server.start("--workers", "2")
    client = server.client
    client.program.write_text(client.program.read_text() + RELAY)
    gate = client.directory / "gate"
    words = ["--execution-id", "x0", client.program.name, "relay", "--x", "1", "--gate", str(gate)]
    watching = client.start("run", *words)
    assert watching.stderr is not None
    assert watching.stderr.readline() == "execution x0\n"
    names = [f"x{number}" for number in range(1, 20)]
    for name in names:
        assert server.start_again("x0", name) == 200
    client.program.unlink()
    process.kill()
    process.communicate()
    server.start("--workers", "2")
    gate.touch()
    out, said = watching.communicate(timeout=WAIT_S)
    assert (watching.returncode, out) == (0, "outputs:\n  o0: 4\n"), said
    assert {server.wait(name) for name in names} == {"SUCCEEDED"}
    assert len(client.json("executions")) == 20


def test_a_hundred_workflows_started_at_once_all_end_well(server: Server) -> None:
    server.start("--workers", "2")
    client = server.client
    client.run("run", "--execution-id", "x0", client.program.name, "ratio", "--x", "1")
    names = [f"x{number}" for number in range(1, 101)]
    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(lambda name: server.start_again("x0", name), names)) == {200}
        assert set(pool.map(server.wait, names)) == {"SUCCEEDED"}
    _, page = server.ask(f"{FLYTE}?limit=1000&filters=eq(phase,SUCCEEDED)")
    assert len(page["executions"]) == 101


def test_a_port_that_is_taken_is_one_sentence(shell: Shell) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = shell.run("serve", "--port", str(port))
    assert (done.returncode, done.stderr) == (
        2,
        f"elevon: the port {port} of 127.0.0.1 is in use: choose another by --port, or 0 for any that is free\n",
    )


def test_a_host_that_is_not_there_is_one_sentence(shell: Shell) -> None:
    done = shell.run("serve", "--host", "192.0.2.1", "--port", "0")
    assert (done.returncode, "this machine has no such address" in done.stderr) == (2, True)
    assert done.stderr.count("\n") == 1


FILL = """

@task
def fill(i: int) -> str:
    return "x" * 60000


@task
def total(parts: list[str]) -> int:
    return sum(len(part) for part in parts)


@workflow
def many() -> int:
    return total(parts=[fill(i=i) for i in range(30)])
"""


def test_a_full_disk_ends_a_server_and_the_next_one_goes_on(server: Server) -> None:
    client = server.client
    client.program.write_text(client.program.read_text() + FILL)

    def limit_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, 600_000))

    full = server.start(preexec_fn=limit_files)
    client.run("run", "--detach", "--execution-id", "big", client.program.name, "many")
    _, said = full.communicate(timeout=WAIT_S)
    assert full.returncode == 74
    assert said.splitlines()[-1].startswith("elevon: the engine stopped: ")
    assert said.endswith("go on with: elevon serve\n")
    server.start()
    assert server.wait("big") == "SUCCEEDED"


def test_a_run_beside_a_server_drives_its_own_execution(server: Server) -> None:
    process = server.start()
    done = server.shell.run("run", "--execution-id", "own", server.shell.program.name, "ratio", "--x", "3")
    assert (done.returncode, done.stdout) == (0, "outputs:\n  o0: 3.0\n")
    left = server.shell.start_resting("left")
    assert end(left)[0] == 130
    assert server.client.run("abort", "left").returncode == 0, "the server took it up"
    assert end(process)[0] == 0


def test_a_run_loads_no_server(shell: Shell) -> None:
    words = ["run", shell.program.name, "ratio", "--x", "1"]
    script = (
        "import sys; from elevon.cli.main import main; code = main(sys.argv[1:]); "
        "print([name for name in ('starlette', 'uvicorn', 'http.client', 'flyteidl.admin.execution_pb2') "
        "if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *words],
        capture_output=True,
        text=True,
        cwd=shell.directory,
        env=shell.environment,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[]"
