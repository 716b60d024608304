"""Quantities are read as Kubernetes reads them."""

from decimal import Decimal

import pytest

from elevon import errors
from elevon.primitives import quantities


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("0", "0"),
        ("2", "2"),
        ("1.5", "1.5"),
        (".5", "0.5"),
        ("2.", "2"),
        ("+1", "1"),
        ("500m", "0.5"),
        ("100n", "1E-7"),
        ("3u", "0.000003"),
        ("1k", "1000"),
        ("2M", "2000000"),
        ("1Ki", "1024"),
        ("4Gi", str(4 * 1024**3)),
        ("1e3", "1000"),
        ("12E-1", "1.2"),
        ("1E", str(10**18)),
    ],
)
def test_a_quantity_is_a_number_with_a_scale(text: str, amount: str) -> None:
    assert quantities.parse(text) == Decimal(amount)


@pytest.mark.parametrize("text", ["", "m", "-1", "1 Gi", "1gi", "1,5", "NaN", "1e", "1mi", "\u0661", "."])
def test_everything_else_is_refused(text: str) -> None:
    with pytest.raises(errors.UserError) as caught:
        quantities.parse(text)
    assert str(caught.value) == f"{text!r} is no quantity: write one like '500m', '2' or '4Gi'"
