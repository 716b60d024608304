"""The QDS server of the tests, driven by Qubole's own client: what our backend is tested against is the protocol."""

import json
import subprocess
import sys
from typing import Any

from tests.integration.hive.qds.processes import TOKEN, QdsProcess

PROGRAM = """
import io, json, sys, warnings
warnings.simplefilter("ignore")
from qds_sdk.commands import Command, HiveCommand
from qds_sdk.exception import UnauthorizedAccess
from qds_sdk.qubole import Qubole

url, token = sys.argv[1:]
Qubole.configure(api_token=token, api_url=f"{url}/api", version="v1.2", poll_interval=1)
made = HiveCommand.run(query="SELECT 7 AS a, 'x' AS b", label="etl", tags="one,two", name="mine")
rows = io.StringIO()
made.get_results(rows)
failed = HiveCommand.run(query="SELECT FROM (")
failed_log = failed.get_log()
slow = HiveCommand.create(query="SELECT reflect('java.lang.Thread', 'sleep', 60000L)")
slow.cancel()
cancelled = slow
while not Command.is_done(cancelled.status):
    cancelled = HiveCommand.find(slow.id)
listed = HiveCommand.list(name="mine", per_page=10)
Qubole.configure(api_token="another", api_url=f"{url}/api", version="v1.2", poll_interval=1)
try:
    HiveCommand.find(made.id)
    refused = False
except UnauthorizedAccess:
    refused = True
print(json.dumps({
    "status": made.status, "rows": rows.getvalue(), "log": failed_log,
    "failed": failed.status, "cancelled": cancelled.status, "tags": made.attributes["tags"],
    "label": made.attributes["label"], "listed": [one["id"] for one in listed["commands"]], "refused": refused,
}))
"""


def drive(service: QdsProcess) -> Any:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM, service.url, TOKEN],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_qubole_s_own_client_runs_commands_to_each_of_their_ends(service: QdsProcess) -> None:
    seen = drive(service)
    assert "FAILED: ParseException" in seen.pop("log")
    assert seen == {
        "status": "done",
        "rows": "7\tx\r\n",
        "failed": "error",
        "cancelled": "cancelled",
        "tags": ["one", "two"],
        "label": "etl",
        "listed": [1],
        "refused": True,
    }
