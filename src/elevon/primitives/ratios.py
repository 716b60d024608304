"""Parts of a whole, as the wire has them: in single precision.

It exists because a part is compared where a workflow is written and where it runs, and neither may ask for more than
the other. It must never know what is counted.
"""

import math
import struct

_SINGLE = struct.Struct("f")


def least(ratio: float, count: int) -> int:
    """The least number of so many items that is at least such a part of them.

    The comparison is that of single precision: one of 10 is a tenth, and two of 3 are two thirds, although neither part
    has an exact form.

    Args:
        ratio: From 0 to 1.
        count: How many items there are.
    """
    number = math.ceil(ratio * count)
    while number and _single((number - 1) / count) >= _single(ratio):
        number -= 1
    return number


def _single(value: float) -> float:
    return _SINGLE.unpack(_SINGLE.pack(value))[0]
