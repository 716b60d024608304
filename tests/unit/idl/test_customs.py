"""`custom`: any message in a struct, and what is said about one that was filled in wrongly."""

import logging
from datetime import timedelta
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration

from elevon.errors import UserError
from elevon.idl import customs, literals
from elevon.idl.messages import (
    Container,
    KeyValuePair,
    LiteralMap,
    LiteralOffloadedMetadata,
    Message,
    NodeMetadata,
    Primitive,
    Resources,
    RetryStrategy,
    Struct,
    TaskTemplate,
)


def struct(value: dict[str, Any]) -> Struct:
    made = Struct()
    made.update(value)
    return made


def nested_message() -> TaskTemplate:
    template = TaskTemplate(type="t", container=Container(image="i", args=["a", "b"]))
    template.metadata.retries.retries = 3
    template.metadata.timeout.FromTimedelta(timedelta(seconds=1.5))
    template.container.env.append(KeyValuePair(key="K", value="V"))
    template.custom.update({"deep": [1, {"x": None}]})
    template.config["key"] = "value"
    return template


@pytest.mark.parametrize(
    "message",
    [
        TaskTemplate(),
        nested_message(),
        Primitive(integer=2**63 - 1),
        LiteralOffloadedMetadata(size_bytes=2**64 - 1),
        literals.literal_map({"a": literals.msgpack(b"\x00\xff"), "b": literals.floating(float("inf"))}),
    ],
)
def test_a_message_survives_its_struct(message: Message):
    assert customs.unpack(customs.pack(message), type(message)) == message


@pytest.mark.parametrize("spelling", ["sizeBytes", "size_bytes"])
@pytest.mark.parametrize("value", ["9007199254740993", 5])
def test_both_spellings_and_text_for_wide_integers_are_read(spelling: str, value: Any):
    read = customs.unpack(struct({spelling: value}), LiteralOffloadedMetadata)
    assert read.size_bytes == int(value)


def test_an_unknown_field_is_logged_and_dropped_at_any_depth(caplog: pytest.LogCaptureFixture):
    custom = struct({"image": "i", "novel": 1, "env": [{"key": "k", "other": 2}]})
    with caplog.at_level(logging.WARNING):
        read = customs.unpack(custom, Container)
    assert read == Container(image="i", env=[KeyValuePair(key="k")])
    assert "Container has no field novel" in caplog.text
    assert "Container.env[0] has no field other" in caplog.text


@pytest.mark.parametrize(
    ("message_class", "custom", "told"),
    [
        (RetryStrategy, {"retries": "many"}, "RetryStrategy.retries must be a whole number of 32 bits"),
        (RetryStrategy, {"retries": 1.5}, "RetryStrategy.retries must be"),
        (RetryStrategy, {"retries": -1}, "not negative, got -1"),
        (Container, {"image": 3}, "Container.image must be text, got 3"),
        (Container, {"args": "a"}, "Container.args must be a list, each text, got 'a'"),
        (Container, {"env": [{"key": "k"}, {"key": 2}]}, "Container.env[1].key must be text, got 2"),
        (Container, {"resources": {"requests": [{"name": "FAST"}]}}, "resources.requests[0].name must be one of"),
        (Container, {"resources": 4}, "Container.resources must be a Resources, got 4"),
        (TaskTemplate, {"metadata": {"timeout": "soon"}}, "TaskTemplate.metadata.timeout must be a Duration"),
        (TaskTemplate, {"metadata": {"discoverable": "yes"}}, "metadata.discoverable must be true or false"),
        (LiteralMap, {"literals": {"a": {"scalar": 1}}}, "LiteralMap.literals['a'].scalar must be a Scalar, got 1"),
        (LiteralMap, {"literals": 1}, "LiteralMap.literals must be an object, got 1"),
        (NodeMetadata, {"interruptible": True, "cacheable": False, "name": []}, "NodeMetadata.name must be text"),
    ],
)  # fmt: skip
def test_a_wrong_type_is_named_by_the_path_of_its_field(
    message_class: type[Message], custom: dict[str, Any], told: str
):
    with pytest.raises(UserError) as caught:
        customs.unpack(struct(custom), message_class)
    assert told in str(caught.value)


def test_fields_that_exclude_each_other_are_refused():
    with pytest.raises(UserError, match="Primitive can't be read"):
        customs.unpack(struct({"integer": 1, "boolean": True}), Primitive)


def test_an_empty_struct_is_the_empty_message():
    assert customs.unpack(Struct(), Resources) == Resources()


def test_a_message_whose_json_is_no_object_is_refused() -> None:
    with pytest.raises(UserError, match="Duration can't be the message of a task"):
        customs.pack(Duration(seconds=1))
