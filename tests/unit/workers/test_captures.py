"""What an attempt's directory shows of the output while its task runs."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from elevon.workers import captures


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    folder = tmp_path / "spool"
    folder.mkdir()
    (folder / captures.STDOUT).write_text("so far")
    (folder / captures.STDERR).touch()
    return folder


def refuse_links(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def refuse(*paths: Any) -> None:
        raise OSError(number, os.strerror(number), *paths)

    monkeypatch.setattr(os, "link", refuse)


def test_what_was_written_so_far_is_shown_once_there_is_any(spool: Path, tmp_path: Path) -> None:
    for _ in range(2):
        captures.show(spool, tmp_path / "data")
    assert [path.name for path in (tmp_path / "data").iterdir()] == [captures.STDOUT]
    assert (tmp_path / "data" / captures.STDOUT).read_text() == "so far"


@pytest.mark.parametrize("number", [errno.EPERM, errno.ENOTSUP, errno.ENOSYS])
def test_a_file_system_without_hard_links_shows_the_output_at_the_end(
    spool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    refuse_links(monkeypatch, number)
    captures.show(spool, tmp_path / "data")
    captures.deliver(spool, captures.STDOUT, tmp_path / "data")
    assert (tmp_path / "data" / captures.STDOUT).read_text() == "so far"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES])
def test_a_directory_that_cannot_be_written_is_told(
    spool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    refuse_links(monkeypatch, number)
    with pytest.raises(OSError, match=os.strerror(number)):
        captures.show(spool, tmp_path / "data")
