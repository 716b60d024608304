"""Files and directories by reference."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from elevon.errors import NotFoundError, UserError
from elevon.sdk import types
from tests.unit.sdk_types.stores import InPlace, Untouched


@dataclass
class Report:
    data: types.File
    parts: types.Directory | None = None


def test_a_local_file_is_stored_once_and_read_by_its_uri(tmp_path: Path):
    path = tmp_path / "a b.txt"
    path.write_text("häß", encoding="utf-8")
    files = InPlace()
    file = types.File(path)
    first = types.to_literal(file, types.File, files)
    assert types.to_literal(file, types.File, files) == first
    assert files.stored == [path]
    assert first.scalar.blob.uri == file.uri == path.as_uri()


def test_a_file_is_fetched_when_it_is_first_read(tmp_path: Path):
    path = tmp_path / "a.txt"
    path.write_text("content", encoding="utf-8")
    files = InPlace()
    literal = types.to_literal(types.File(path), types.File, files)
    read = types.to_python(literal, types.File, files)
    assert files.fetched == []
    with read.open() as stream:
        assert stream.read() == "content"
    with read.open("rb") as stream:
        assert stream.read() == b"content"
    assert files.fetched == [path.as_uri()]


def test_a_file_that_came_in_goes_out_without_a_copy():
    files = Untouched()
    literal = types.to_literal(types.File("s3://bucket/key"), types.File, files)
    read = types.to_python(literal, types.File, files)
    assert types.to_literal(read, types.File, files) == literal


def test_a_path_is_accepted_for_a_file(tmp_path: Path):
    path = tmp_path / "a.txt"
    path.touch()
    for value in (path, str(path), path.as_uri()):
        files = InPlace()
        types.to_literal(value, types.File, files)
        assert files.stored == [path]


def test_files_inside_a_struct_are_stored_and_fetched_too(tmp_path: Path):
    data, parts = tmp_path / "data", tmp_path / "parts"
    data.touch()
    parts.mkdir()
    files = InPlace()
    literal = types.to_literal(Report(types.File(data), types.Directory(parts)), Report, files)
    assert files.stored == [data, parts]
    read = types.to_python(literal, Report, files)
    assert (read.data.path, read.parts.path) == (data, parts)


def test_what_is_not_there_or_is_of_the_other_kind_is_refused(tmp_path: Path):
    (tmp_path / "file").touch()
    for value, annotation, told in (
        (types.File(tmp_path / "none"), types.File, f"there is no file at {tmp_path / 'none'}"),
        (types.File(tmp_path), types.File, f"there is no file at {tmp_path}: it is a directory"),
        (types.Directory(tmp_path / "file"), types.Directory, "there is no directory at"),
        (types.Directory(tmp_path / "none"), types.Directory, "there is no directory at"),
    ):
        with pytest.raises(NotFoundError) as caught:
            types.to_literal(value, annotation, InPlace())
        assert told in str(caught.value)
    with pytest.raises(UserError, match="expected File or a path, got 3"):
        types.to_literal(3, types.File, InPlace())


def test_a_remote_file_that_no_task_handed_in_has_no_local_path():
    with pytest.raises(UserError, match="s3://bucket/key is remote"):
        types.File("s3://bucket/key").path.exists()


def test_files_are_equal_by_kind_and_place():
    assert types.File("s3://b/k") == types.File("s3://b/k")
    assert len({types.File("a"), types.File("a"), types.File("b")}) == 2
    assert types.File("a") != types.Directory("a")
    assert repr(types.File("a")) == "File('a')"
