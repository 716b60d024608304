"""Executors of later days, written against the contract of today: strict type checking must accept them."""

import json
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent / "paper"


def test_the_contract_can_say_what_hive_and_spark_need():
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable]
    found = subprocess.run([*command, "--project", str(FOLDER)], capture_output=True, text=True, check=False)
    report = json.loads(found.stdout)
    assert report["summary"]["filesAnalyzed"] == len(list(FOLDER.glob("*.py")))
    assert report["generalDiagnostics"] == []


def test_a_state_that_the_executor_did_not_declare_is_found(tmp_path):
    source = (FOLDER / "hive.py").read_text()
    slip = source.replace("TaskStatus.queued(HiveState(items, ", "TaskStatus.queued((items, ")
    assert slip != source
    (tmp_path / "hive.py").write_text(f"# pyright: strict\n{slip}")
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable]
    found = subprocess.run([*command, "hive.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    rules = [one["rule"] for one in json.loads(found.stdout)["generalDiagnostics"]]
    assert rules
    assert set(rules) <= {"reportReturnType", "reportArgumentType"}
