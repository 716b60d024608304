"""Where secrets are looked for, and what is said of those that are not there."""

from pathlib import Path

import pytest

from elevon import errors
from elevon.secrets import EnvironmentSecretStore, FileSecretStore, SecretChain


def write(folder: Path, name: str, content: bytes) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


async def test_a_variable_is_named_by_group_version_and_key() -> None:
    store = EnvironmentSecretStore("_FSEC_", {"_FSEC_DB_KEY": "one\n", "_FSEC_DB_V2_KEY": "two"})
    assert await store.get("db", "key") == "one"
    assert await store.get("db", "key", "v2") == "two"


async def test_a_file_is_named_by_group_version_and_key(tmp_path: Path) -> None:
    write(tmp_path, "db/key", "schlüssel\n".encode())
    write(tmp_path, "db/v2/key", b"two")
    store = FileSecretStore(str(tmp_path))
    assert await store.get("DB", "Key") == "schlüssel"
    assert await store.get("db", "key", "v2") == "two"


async def test_a_file_that_was_exchanged_is_seen(tmp_path: Path) -> None:
    store = FileSecretStore(str(tmp_path))
    write(tmp_path, "db/key", b"old")
    assert await store.get("db", "key") == "old"
    write(tmp_path, "db/key", b"new")
    assert await store.get("db", "key") == "new"


async def test_the_first_place_that_has_it_wins(tmp_path: Path) -> None:
    write(tmp_path, "db/key", b"of the file")
    write(tmp_path, "db/other", b"of the file")
    variables = EnvironmentSecretStore("MY_", {"MY_DB_KEY": "of the variable"})
    chain = SecretChain([variables, FileSecretStore(str(tmp_path))])
    assert await chain.get("db", "key") == "of the variable"
    assert await chain.get("db", "other") == "of the file"


async def test_a_missing_secret_is_named_with_every_place_that_could_have_it(tmp_path: Path) -> None:
    chain = SecretChain([EnvironmentSecretStore("_FSEC_", {}), FileSecretStore(str(tmp_path))])
    with pytest.raises(errors.NotFoundError) as raised:
        await chain.get("db", "key", "v2")
    assert str(raised.value) == (
        "there is no secret 'key' of the group 'db' in version 'v2': set the variable _FSEC_DB_V2_KEY, "
        f"or write the file {tmp_path}/db/v2/key"
    )


@pytest.mark.parametrize(
    ("group", "key"), [("..", "shadow"), ("db", "../../shadow"), ("/etc", "shadow"), ("db", "a\0b"), ("", "")]
)
async def test_no_name_reaches_beyond_the_secrets(tmp_path: Path, group: str, key: str) -> None:
    write(tmp_path, "shadow", b"not meant")
    store = FileSecretStore(str(tmp_path / "secrets"))
    with pytest.raises(errors.UserError, match=r"no name of a secret|name both"):
        await store.get(group, key)


async def test_what_can_not_be_read_is_said_without_its_content(tmp_path: Path) -> None:
    write(tmp_path, "db/key", b"hunter\xff2")
    with pytest.raises(errors.UnavailableError) as raised:
        await FileSecretStore(str(tmp_path)).get("db", "key")
    assert "db/key is no text in UTF-8" in str(raised.value)
    assert "hunter" not in repr(raised.value)
    assert raised.value.__cause__ is None
