"""The placeholders of Flyte's templates: their names, and what each stands for."""

from elevon.idl.placeholders import NAMES, unknown
from elevon.plugin.placeholders import KNOWN


def test_every_name_stands_for_something() -> None:
    assert set(KNOWN) == NAMES


def test_what_stands_for_nothing_is_found() -> None:
    text = "{{.input}} {{ $Inputs.a }} {{ .inputs.b }} {{.nothing}} {{ input }} {{}} {'a': {'b': {}}}"
    assert list(unknown(text, ("a",))) == [
        ("{{ .inputs.b }}", "b"),
        ("{{.nothing}}", ""),
        ("{{ input }}", ""),
        ("{{}}", ""),
    ]
