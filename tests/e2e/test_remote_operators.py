"""An operator needs the URL of a server, and neither its home nor its end."""

import json
import signal

from tests.e2e.conftest import WAIT_S
from tests.e2e.servers import Server, end


def test_a_failed_execution_is_recovered_at_a_server_with_the_file_as_it_is_now(server: Server) -> None:
    server.start()
    client = server.client
    client.run("run", "--execution-id", "bad", client.program.name, "ratio", "--x", "3", "--y", "0")
    same = client.run("recover", "bad", "--same-code", "--execution-id", "still-bad")
    assert (same.returncode, "division by zero" in same.stderr) == (1, True)
    mended = client.program.read_text().replace("return x / y", "return x / max(y, 1)")
    client.program.write_text(mended)
    recovered = client.run("recover", "bad", "--execution-id", "good")
    assert (recovered.returncode, recovered.stdout) == (0, "outputs:\n  o0: 6.0\n")
    assert recovered.stderr.splitlines()[0] == "execution good, recovered from bad"
    assert client.trace == ["double 3", *["divide 6 0"] * 3], "what had succeeded was taken over"
    assert client.json("show", "good")["recovered_from"] == "bad"
    client.program.unlink()
    gone = client.run("recover", "bad")
    assert (gone.returncode, gone.stderr.count("\n")) == (2, 1)


def test_what_is_unfinished_is_watched_to_its_end(server: Server) -> None:
    left = server.shell.start_resting("lazy")
    assert end(left, signal.SIGINT)[0] == 130
    server.start()
    client = server.client
    failing = client.start("resume", "lazy", "--output", "json")
    assert client.run("attempt", "fail", "lazy", "n0", "--reason", "it rests too long").returncode == 0
    out, _ = failing.communicate(timeout=WAIT_S)
    (document,) = json.loads(out)
    assert (failing.returncode, document["phase"]) == (1, "FAILED")
    assert document["error"]["code"] == "USER:ForceFailed"
    again = client.run("resume", "lazy")
    assert again.stderr.splitlines()[0] == "execution lazy has ended already, it is FAILED"
    assert client.run("resume").stdout == "nothing to do: no execution waits to be resumed\n"


def test_a_resume_in_the_home_of_a_server_names_the_server(server: Server) -> None:
    server.start()
    server.client.start_resting("lazy")
    watch = f"watch it by elevon resume lazy --remote {server.url}"
    for words in (["resume", "lazy"], ["resume"]):
        left = server.shell.run(*words)
        assert f"execution lazy is being driven by the server at {server.url}: {watch}" in left.stderr
        assert left.stderr.count("\n") == 1


def test_what_operators_do_prints_the_same_at_a_server_and_in_its_home(server: Server) -> None:
    server.start()
    client = server.client
    for name in ("one", "two"):
        client.run("run", "--execution-id", name, client.program.name, "ratio", "--x", "3")
    for words in (
        ["resume", "one"],
        ["recover", "one"],
        ["recover", "none"],
        ["delete", "none"],
        ["prune", "--older-than", "1d"],
        ["prune", "--older-than", "1d", "--output", "json"],
        ["attempt", "fail", "one", "n0", "--reason", "no"],
        ["attempt", "unpark", "one", "n9"],
        ["plugin", "list"],
        ["plugin", "list", "--output", "json"],
        ["plugin", "show", "nobody"],
        ["plugin", "drain", "slep"],
        ["plugin", "drain", "sleep", "--reason", "new"],
        ["plugin", "drain", "sleep", "--reason", "new", "--output", "json"],
        ["plugin", "resume", "echo"],
    ):
        processes = [client.start(*words), server.shell.start(*words)]
        remote, local = [(*one.communicate(timeout=WAIT_S), one.returncode) for one in processes]
        if words[-1] == "json" and words[1] == "drain":
            remote, local = [(without_who(one[0]), *one[1:]) for one in (remote, local)]
        assert [str(part).replace(f"at {server.url}", "there") for part in remote] == [
            str(part).replace(f"in {server.shell.home}", "there") for part in local
        ]
    assert client.json("plugin", "show", "sleep")["drained"][0]["reason"] == "new"
    assert client.run("plugin", "resume", "sleep").returncode == 0
    assert client.run("plugin", "resume", "sleep").returncode == 2
    assert client.run("delete", "one").stdout == "deleted one\n"
    assert client.json("prune", "--older-than", "0s")["deleted"] == ["two"]
    assert list((server.shell.home / "data").iterdir()) == []


def without_who(document: str) -> dict[str, str]:
    """A drain, apart from whom and when."""
    return {name: value for name, value in json.loads(document).items() if name not in ("by", "at")}
