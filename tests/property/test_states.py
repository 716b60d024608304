"""Custom states of any shape: what is encoded is either refused, or comes back as it was and stays as it is."""

from datetime import datetime, timedelta
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from elevon import errors
from elevon.plugin import StateCodec


class Part(msgspec.Struct, frozen=True):
    name: str
    size: int = 0
    ratio: float = 0.0


class State(msgspec.Struct, frozen=True):
    at: datetime | None = None
    left: timedelta | None = None
    raw: bytes = b""
    parts: tuple[Part, ...] = ()
    by_name: dict[str, Part] = {}
    tags: frozenset[str] = frozenset()
    free: Any = None


text = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
finite = st.floats(allow_nan=False, allow_infinity=False)
sizes = st.integers(-(2**63), 2**64 - 1)
parts = st.builds(Part, text, sizes, finite)
json_values = st.recursive(
    st.none() | st.booleans() | sizes | finite | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=8,
)
states = st.builds(
    State,
    at=st.none() | st.datetimes(),
    left=st.none() | st.timedeltas(timedelta(days=-1000), timedelta(days=1000)),
    raw=st.binary(max_size=8),
    parts=st.lists(parts, max_size=3).map(tuple),
    by_name=st.dictionaries(text, parts, max_size=3),
    tags=st.frozensets(text, max_size=4),
    free=json_values,
)


@given(states)
def test_a_state_that_json_keeps_comes_back_equal(state):
    codec = StateCodec(State)
    assert codec.decode(codec.encode(state)) == state


@given(states)
def test_the_bytes_do_not_change_when_a_state_is_read_and_written_again(state):
    codec = StateCodec(State)
    raw = codec.encode(state)
    assert codec.encode(codec.decode(raw)) == raw


@given(st.binary(max_size=40) | json_values.map(msgspec.json.encode), st.integers(0, 3))
def test_any_bytes_are_a_state_or_a_corrupt_one_and_never_another_error(raw, version):
    codec = StateCodec(State, version=2, migrate=lambda _, old: {"free": old})
    try:
        found = codec.decode(raw, version)
    except errors.CorruptStateError:
        return
    assert isinstance(found, State)
    assert version <= 2


@given(json_values, st.integers(0, 60))
def test_nothing_above_the_limit_is_stored(value, limit):
    codec = StateCodec(State, limit_bytes=limit)
    try:
        assert len(codec.encode(State(free=value))) <= limit
    except errors.CorruptStateError:
        assert len(msgspec.json.encode(State(free=value))) > limit
