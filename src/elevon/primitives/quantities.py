"""Resource quantities as Kubernetes spells them: "500m", "2", "1.5", "4Gi".

It exists because templates carry quantities as text and the engine counts in whole slots. It owns the grammar; it must
never know what a resource is.
"""

import re
from decimal import ROUND_CEILING, Decimal

from elevon import errors

_GRAMMAR = re.compile(
    r"\+?(?P<number>\d{1,18}\.?\d{0,18}|\.\d{1,18})(?P<scale>[numkMGTPE]|[KMGTPE]i|[eE][+-]?\d{1,2})?",
    re.ASCII,
)
_SCALES = {
    **{suffix: Decimal(10) ** (3 * power) for power, suffix in enumerate("numkMGTPE", start=-3) if power < 0},
    **{suffix: Decimal(10) ** (3 * power) for power, suffix in enumerate("kMGTPE", start=1)},
    **{f"{suffix}i": Decimal(1024) ** power for power, suffix in enumerate("KMGTPE", start=1)},
}


def parse(text: str) -> Decimal:
    """The amount, in the resource's own unit (CPUs, bytes, devices).

    Raises:
        UserError: The text is no quantity.
    """
    match = _GRAMMAR.fullmatch(text)
    if match is None:
        raise errors.UserError(f"{text!r} is no quantity: write one like '500m', '2' or '4Gi'")
    scale = match["scale"]
    if not scale:
        factor = Decimal(1)
    elif scale in _SCALES:
        factor = _SCALES[scale]
    else:
        factor = Decimal(10) ** int(scale[1:])
    return Decimal(match["number"]) * factor


def slots(text: str) -> int:
    """How many whole slots a CPU quantity takes, at least one.

    Raises:
        UserError: The text is no quantity.
    """
    return max(1, int(parse(text).to_integral_value(ROUND_CEILING)))
