"""Values of rows in one spelling, whoever computed them."""

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any


def plain(value: Any) -> Any:
    """A value as JSON could say it: times are texts, numbers rounded, and the fields of a struct a list."""
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, dt.date):
        return str(value)
    if isinstance(value, float | Decimal):
        return round(float(value), 6)
    return value
