"""Names, texts, paths and tables as DuckDB spells them, and as Hive spells the folders of partitions.

It owns all quoting: nothing that a user wrote reaches DuckDB's language but through here or through sqlglot.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, unquote, urlsplit

from elevon import errors
from elevon.tasktypes.hive.backends.embedded.warehouses import Table, standing

_NO_VALUE: Final = "__HIVE_DEFAULT_PARTITION__"


def scan(content: Table, data: Path) -> str:
    """What reads the rows of a table."""
    columns = ", ".join(
        f"CAST({name(one.name)} AS {one.type}) AS {name(one.name)}" for one in content.all_columns
    )
    types = ", ".join(f"{text(one.name)}: {text(one.type)}" for one in content.partition_columns)
    partitioned = (
        f", hive_partitioning=true, hive_types={{{types}}}" if types else ", hive_partitioning=false"
    )
    location = standing(Path(content.location)) if content.location else None
    if location is not None and any(path.is_file() for path in location.rglob("*")):
        if content.kind == "TEXTFILE":
            names = ", ".join(f"{text(one.name)}: {text(one.type)}" for one in content.columns)
            source = (
                f"read_csv({text(f'{_plain(location)}/**')}, columns={{{names}}}, delim={text(content.delimiter)}, "
                f"header=false, skip={content.skipped_count}, nullstr='\\N', quote='', escape='', auto_detect=false)"
            )
        else:
            source = (
                f"read_parquet({text(f'{_plain(location)}/**/*.parquet')}, union_by_name=true{partitioned})"
            )
    elif content.files and not content.location:
        paths = ", ".join(text(_plain(data / name)) for name in content.files)
        source = f"read_parquet([{paths}], union_by_name=true{partitioned})"
    else:
        nothing = ", ".join(f"CAST(NULL AS {one.type}) AS {name(one.name)}" for one in content.all_columns)
        return f"SELECT {nothing} WHERE false"
    return f"SELECT {columns} FROM {source}"  # noqa: S608 - all names are quoted


def folder_of(content: Table, partition: Mapping[str, str | None]) -> str:
    """The folder of a partition, below the table's."""
    parts = [f"{one.name}={spelled(partition.get(one.name))}" for one in content.partition_columns]
    return str(Path(*parts))


def spelled(value: str | None) -> str:
    """A value in the name of a folder, as DuckDB writes it: no character of it is a pattern of names."""
    return _NO_VALUE if value is None else quote(value, safe="")


def meant(value: str) -> str | None:
    """What `spelled` spelled."""
    return None if value == _NO_VALUE else unquote(value)


def local(uri: str) -> Path:
    """A path of this machine.

    Raises:
        UserError: It is elsewhere.
    """
    parts = urlsplit(uri)
    if parts.scheme not in ("", "file") or not (
        path := unquote(parts.path) if parts.scheme else uri
    ).startswith("/"):
        raise errors.UserError(
            f"query: {uri!r} is no directory of this machine: use an absolute path or a file:// URI"
        )
    return Path(path)


def _plain(path: Path) -> str:
    """A path to which DuckDB gives no other meaning, as it does to the signs of patterns."""
    return re.sub(r"[*?\[]", r"[\g<0>]", str(path))


def name(plain: str) -> str:
    """A name, quoted."""
    return '"' + plain.replace('"', '""') + '"'


def text(value: Any) -> str:
    """A text, quoted."""
    return "'" + str(value).replace("'", "''") + "'"
