"""The words behind `elevon run` are dealt out between elevon and the workflow, which comes first."""

import enum
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

from elevon import errors, workflow
from elevon.cli import parameters
from elevon.idl import literals

OWN = {"--home": True, "--output": True, "--detach": False}


@dataclass
class Size:
    width: int
    height: int = 1


@workflow
def flow(count: int, name: str = "x", is_loud: bool = False, sizes: list[int] | None = None) -> None:
    """Do something.

    Args:
        count: How often, 100 % of the time.
        name: Of what.
    """


@workflow
def shadowing(output: str, detach: bool, box: Size) -> None:
    """Has parameters named like options of ours."""


class Color(enum.Enum):
    RED = "r"
    BLUE = "b"


@workflow
def painted(on: date = date(2024, 1, 1), color: Color = Color.RED) -> None:
    """Has defaults that Python spells at length."""


INPUTS = flow.interface.inputs


def test_parameters_and_options_may_be_mixed() -> None:
    words = parameters.deal(["--count", "3", "--home", "/a", "--detach", "--name=y=z"], INPUTS, OWN)
    assert words.texts == {"count": "3", "name": "y=z"}
    assert words.ours == ["--home", "/a", "--detach"]


def test_a_parameter_wins_over_an_option_of_the_same_name() -> None:
    words = parameters.deal(["--output", "a", "--detach", "--home", "/a"], shadowing.interface.inputs, OWN)
    assert words.texts == {"output": "a", "detach": "true"}
    assert words.ours == ["--home", "/a"]


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (["--is-loud"], "true"),
        (["--is_loud", "false"], "false"),
        (["--is-loud=true"], "true"),
        (["--no-is-loud"], "false"),
        (["--is-loud", "--detach"], "true"),
    ],
)
def test_a_bool_is_a_flag_or_takes_a_value(given: list[str], text: str) -> None:
    assert parameters.deal(given, INPUTS, OWN).texts == {"is_loud": text}


def test_a_value_may_begin_with_one_dash() -> None:
    assert parameters.deal(["--count", "-5"], INPUTS, OWN).texts == {"count": "-5"}


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (["--cuont", "3"], "there is no parameter --cuont: did you mean --count?"),
        (
            ["--zzz"],
            "there is no parameter --zzz: the workflow's parameters are --count, --name, --is_loud, --sizes",
        ),
        (["3"], "'3' stands alone: a parameter is given as --NAME VALUE"),
        (["--count"], "--count needs a value of type int"),
        (["--name", "--home"], "--name needs a value of type str (write --name=--home if that is it)"),
        (
            ["--count", "1", "--count", "2"],
            "--count is given twice: a list is written as JSON, as in --count '[1, 2]'",
        ),
    ],
)
def test_what_can_not_be_dealt_out_is_named(given: list[str], sentence: str) -> None:
    with pytest.raises(errors.UserError) as caught:
        parameters.deal(given, INPUTS, OWN)
    assert str(caught.value) == sentence


def test_a_workflow_without_parameters_says_so() -> None:
    with pytest.raises(errors.UserError, match="there is no parameter --zzz: the workflow has none"):
        parameters.deal(["--zzz", "3"], {}, OWN)


def test_the_name_of_the_workflow_is_found_behind_options() -> None:
    assert parameters.name_in(["--home", "/a", "flow", "--x", "1"], OWN) == (
        ["--home", "/a"],
        "flow",
        ["--x", "1"],
    )
    assert parameters.name_in(["--output=json"], OWN) == (["--output=json"], "", [])


def test_a_parameter_before_the_name_is_refused() -> None:
    with pytest.raises(errors.UserError, match="--count stands before the name of the workflow"):
        parameters.name_in(["--count", "3", "flow"], OWN)


def test_what_was_typed_wins_over_the_document() -> None:
    values = parameters.read({"count": "3"}, {"count": 1, "name": "y"}, INPUTS)
    assert values.given == {"count": literals.integer(3), "name": literals.string("y")}
    assert values.unreadable == {}


def test_a_value_that_is_not_of_its_type_is_kept_for_one_error_about_all() -> None:
    values = parameters.read({"count": "three", "box": "1"}, {"sizes": ["a"]}, INPUTS)
    assert sorted(values.unreadable) == ["box", "count", "sizes"]
    assert "expected int" in values.unreadable["count"]


def test_a_dataclass_is_written_as_json() -> None:
    values = parameters.read({"box": '{"width": 2}'}, {}, shadowing.interface.inputs)
    assert not values.unreadable
    assert values.given["box"].scalar.binary.tag == "msgpack"


@pytest.mark.parametrize(("content", "problem"), [("[1]", "holds no JSON object"), ("{", "is no JSON")])
def test_a_document_that_is_no_json_object_is_refused(tmp_path: Path, content: str, problem: str) -> None:
    path = tmp_path / "inputs.json"
    path.write_text(content)
    with pytest.raises(errors.UserError, match=f"--inputs {path}: {problem}"):
        parameters.read_document(str(path))


def test_a_document_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(errors.UserError, match="can't be read"):
        parameters.read_document(str(tmp_path / "no.json"))


def test_help_shows_each_parameter_with_type_default_and_meaning() -> None:
    text = parameters.describe("elevon run f.py flow", flow.interface)
    for part in (
        "Do something.",
        "--count int",
        "How often, 100 % of the time. (required)",
        "Of what. (default: 'x')",
    ):
        assert part in text
    assert "--is_loud bool" in text


def test_help_spells_types_and_defaults_as_they_are_written() -> None:
    text = parameters.describe("elevon run f.py painted", painted.interface)
    for part in ("--on date", "(default: 2024-01-01)", "--color Color (RED, BLUE)", "(default: RED)"):
        assert part in text


def test_help_may_stand_among_the_parameters() -> None:
    assert parameters.deal(["--count", "1", "--help"], INPUTS, OWN).is_help_wanted
