"""What an engine counts is shown from another terminal, and to a scraper."""

import json
import subprocess
import sys
import urllib.request
from typing import Any

from tests.e2e.conftest import WAIT_S, Shell


def shown(shell: Shell) -> dict[str, Any]:
    """What `plugin show` says of the engine that runs, once it has said something since its task began."""
    while True:
        engines = shell.json("plugin", "show", "python")["engines"]
        if engines and any(one["name"] == "elevon_call_seconds" for one in engines[0]["figures"]):
            return engines[0]
        assert shell.started[-1].poll() is None, "the engine has ended"


def test_plugin_show_has_the_figures_of_an_engine_that_runs(shell: Shell) -> None:
    shell.start_resting("x1", "--metrics-port", "0")
    engine = shown(shell)
    figures = {(one["name"], one["labels"].get("call")): one for one in engine["figures"]}
    assert figures["elevon_call_seconds", "start"]["count"] == 1
    assert figures["elevon_attempts_in_flight", None]["value"] == 1
    lines = shell.run("plugin", "show", "python").stdout.splitlines()
    assert any(line.startswith("  elevon_call_seconds (start): 1, ") for line in lines)
    assert "  elevon_attempts_in_flight: 1" in lines
    assert any(f"also at {engine['url']}" in line for line in lines)
    with urllib.request.urlopen(engine["url"], timeout=10) as answer:  # noqa: S310 - the engine's own address
        assert b'elevon_attempts_in_flight{executor="python"} 1.0' in answer.read()


def test_the_configuration_gives_a_port_and_a_log(shell: Shell) -> None:
    shell.home.mkdir()
    (shell.home / "elevon.toml").write_text('[metrics]\nport = 0\n[logs]\nformat = "json"\nlevel = "debug"\n')
    process = shell.start_resting("x1")
    assert shown(shell)["url"].startswith("http://127.0.0.1:")
    process.terminate()
    _, err = process.communicate(timeout=WAIT_S)
    documents = [json.loads(line) for line in err.splitlines() if line.startswith("{")]
    assert {"at", "level", "logger", "message"} <= documents[0].keys()


def test_an_engine_without_a_port_loads_no_library_of_metrics(shell: Shell) -> None:
    program = (
        "import sys; from elevon.cli.main import main; "
        f"code = main(['run', {shell.program.name!r}, 'double', '--x', '1']); "
        "print(code, *{'prometheus_client', 'structlog', 'grpc', 'aiohttp'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        cwd=shell.directory,
        env=shell.environment,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "0"


def test_what_is_no_port_or_format_is_refused(shell: Shell) -> None:
    for option, value in (("--metrics-port", "70000"), ("--log-format", "xml"), ("--log-level", "loud")):
        done = shell.run("run", option, value, shell.program.name, "double", "--x", "1")
        assert done.returncode == 2
        assert option in done.stderr
    shell.home.mkdir(exist_ok=True)
    (shell.home / "elevon.toml").write_text("[logs]\nlevle = 'info'\n")
    done = shell.run("run", shell.program.name, "double", "--x", "1")
    assert done.returncode == 2
    assert "there is no setting logs.levle: did you mean 'level'?" in done.stderr
