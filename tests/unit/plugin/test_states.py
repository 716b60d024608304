import asyncio
import math
from datetime import UTC, datetime
from typing import Any

import msgspec
import pydantic
import pytest

from elevon import errors
from elevon.plugin import StateCodec


class Item(msgspec.Struct, frozen=True):
    query: str
    score: float = 0.0


class State(msgspec.Struct, frozen=True):
    items: tuple[Item, ...] = ()
    at: datetime | None = None


class Model(pydantic.BaseModel):
    path: str
    sizes: list[int] = []


class Forgetful(msgspec.Struct):
    """Changes at each reading, as a state does whose class normalises what it is given."""

    count: int = 0

    def __post_init__(self):
        self.count += 1


class Capped(msgspec.Struct):
    """Changes at a reading only where it is large."""

    count: int

    def __post_init__(self):
        self.count -= self.count > 5


@pytest.mark.parametrize(
    ("state_type", "state"),
    [
        (State, State((Item("select 1", 0.5),), datetime(2026, 1, 1, tzinfo=UTC))),
        (Model, Model(path="a/b", sizes=[1, 2])),
        (dict[str, int], {"b": 1, "a": 2}),
        (type(None), None),
    ],
)
def test_a_state_comes_back_equal_and_new_each_time(state_type, state):
    codec = StateCodec(state_type)
    raw = codec.encode(state)
    assert codec.decode(raw) == state
    assert state is None or codec.decode(raw) is not codec.decode(raw)


def test_equal_states_have_equal_bytes():
    codec = StateCodec(dict[str, int])
    assert codec.encode({"b": 1, "a": 2}) == codec.encode({"a": 2, "b": 1})


def test_a_state_that_changes_when_read_back_is_refused_with_its_path():
    with pytest.raises(errors.CorruptStateError, match=r"^state\.count changes when"):
        StateCodec(Forgetful).encode(Forgetful())


def test_the_path_leads_into_lists():
    tries = [Capped(1), Capped(9)]
    with pytest.raises(errors.CorruptStateError, match=r"^state\[1\]\.count changes when"):
        StateCodec(list[Capped]).encode(tries)


@pytest.mark.parametrize(
    ("state_type", "state", "complaint"),
    [
        (State, State((Item("q", math.nan),)), r"items\[0\]\.score.*read back"),
        (State, None, "not a State"),
        (State, Item("q"), "changes when"),
        (type(None), State(), "not a NoneType"),
        (dict[str, Any], {"f": print}, "is not JSON"),
        (Model, {"path": 3}, "not a Model"),
    ],
)
def test_what_json_does_not_keep_is_refused(state_type, state, complaint):
    with pytest.raises(errors.CorruptStateError, match=complaint):
        StateCodec(state_type).encode(state)


def test_a_state_above_its_limit_is_refused_and_one_at_the_limit_is_not():
    codec = StateCodec(str, limit_bytes=12)
    codec.encode("x" * 10)
    with pytest.raises(errors.CorruptStateError, match="13 bytes exceeds the limit of 12"):
        codec.encode("x" * 11)


@pytest.mark.parametrize("raw", [b"", b"{", b"[1]", b'{"items": [{"query": 3}]}'])
def test_damaged_bytes_are_no_state(raw):
    with pytest.raises(errors.CorruptStateError, match="not a State"):
        StateCodec(State).decode(raw)


def test_a_state_that_grew_under_its_version_is_told_with_what_to_do():
    with pytest.raises(
        errors.CorruptStateError, match=r"under the same version 1.*new fields a default, or raise"
    ):
        StateCodec(Item).decode(b"{}")


async def test_a_forgotten_await_is_told():
    forgotten: Any = asyncio.sleep(0)
    with pytest.raises(errors.CorruptStateError, match="type coroutine is not JSON: await it"):
        StateCodec(dict[str, Any]).encode(forgotten)
    await forgotten


def test_a_state_class_that_panics_can_not_end_the_engine():
    class Panicking(msgspec.Struct):
        def __post_init__(self):
            raise SystemExit(3)

    with pytest.raises(errors.CorruptStateError, match="not a Panicking"):
        StateCodec(Panicking).decode(b"{}")


class TestMigration:
    @staticmethod
    def migrate(old_version: int, raw: Any) -> Any:
        if old_version == 1:
            return {"items": [{"query": query} for query in raw["queries"]]}
        if old_version == 2:
            return {"items": 3}
        raise KeyError(old_version)

    @pytest.fixture
    def codec(self):
        return StateCodec(State, version=4, migrate=self.migrate)

    def test_an_older_state_goes_through_the_migration(self, codec):
        assert codec.decode(b'{"queries": ["select 1"]}', 1) == State((Item("select 1"),))

    def test_a_state_of_this_version_does_not(self, codec):
        assert codec.decode(b"{}", 4) == State()

    def test_a_newer_state_is_never_guessed_at(self, codec):
        with pytest.raises(errors.CorruptStateError, match=r"version 5 .* reads up to 4: upgrade"):
            codec.decode(b"{}", 5)

    def test_a_migration_that_leads_to_no_state_is_told_apart(self, codec):
        with pytest.raises(errors.CorruptStateError, match="not a State"):
            codec.decode(b"{}", 2)

    def test_a_migration_that_raises_is_named(self, codec):
        with pytest.raises(errors.CorruptStateError, match="from version 3 to 4 raised KeyError"):
            codec.decode(b"{}", 3)

    def test_a_migration_can_not_end_the_engine(self):
        def leave(old_version: int, raw: Any) -> Any:
            raise SystemExit(old_version)

        with pytest.raises(errors.CorruptStateError, match="from version 1 to 2 raised SystemExit"):
            StateCodec(State, version=2, migrate=leave).decode(b"{}", 1)

    def test_without_a_migration_an_older_state_waits_for_one(self):
        with pytest.raises(errors.CorruptStateError, match="has no migration"):
            StateCodec(State, version=2).decode(b"{}", 1)
