"""The process of one query of the embedded backend, as this one."""

import json
from pathlib import Path

import pytest

from elevon.tasktypes.hive.backends.embedded import orders, program


def carry_out(folder: Path, token: str, text: str) -> orders.Outcome | None:
    order = orders.Order(
        token=token,
        name="a0/n0",
        text=text,
        warehouse=str(folder / "warehouse"),
        history=str(folder / "history.jsonl"),
    )
    orders.write_order(folder / token, order)
    program.main(folder / token)
    return orders.read_outcome(folder / token)


def tokens(path: Path) -> list[str]:
    return [json.loads(line)["token"] for line in path.read_text().splitlines()]


def test_a_long_history_is_set_aside_in_place_of_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for token in ("a", "b"):
        assert carry_out(tmp_path, token, "SELECT 1") == orders.Outcome(phase="succeeded")
    assert tokens(tmp_path / "history.jsonl") == ["a", "b"]
    monkeypatch.setattr(program, "_HISTORY_LIMIT_BYTES", 1)
    carry_out(tmp_path, "c", "SELECT 1")
    assert tokens(tmp_path / "history.old.jsonl") == ["a", "b", "c"]
    carry_out(tmp_path, "d", "SELECT 1")
    assert tokens(tmp_path / "history.old.jsonl") == ["d"]
    assert not (tmp_path / "history.jsonl").exists()
