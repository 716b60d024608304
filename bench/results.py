"""What was measured, and what it is held to.

A bar is a ratio wherever there is something to divide by: an absolute time on a shared machine proves nothing. The
ratio is the median of the ratios of each round, in which all contenders took turns, so that a busy minute burdens them
alike; it need not be the quotient of the medians beside it.
"""

import json
import statistics
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

SUBJECT = "elevon"
PEER = "flytekit"


class Bar(NamedTuple):
    """What a measurement must not exceed.

    Attributes:
        limit: The most it may be.
        is_ratio: Of elevon to flytekit; else of what elevon was measured in.
    """

    limit: float
    is_ratio: bool = True


class Row(NamedTuple):
    """One line of the table.

    Attributes:
        name: Of the workload.
        unit: Of the samples: `s`, `ms`, `us`, `MiB`, `B`, `%`, none for a count, or `x` for a ratio.
        samples: By contender, one a round, all in the same order.
        bar: What is required; None for nothing.
    """

    name: str
    unit: str
    samples: Mapping[str, Sequence[float]]
    bar: Bar | None = None

    def median(self, contender: str) -> float | None:
        """The middle of a contender's rounds; None if it took no part."""
        found = self.samples.get(contender)
        return statistics.median(found) if found else None

    @property
    def ratio(self) -> float | None:
        """Of elevon to flytekit; None if one of them is missing."""
        ours, theirs = self.samples.get(SUBJECT), self.samples.get(PEER)
        if not ours or not theirs:
            return None
        return statistics.median(one / other for one, other in zip(ours, theirs, strict=True))

    @property
    def is_met(self) -> bool | None:
        """Whether it stays below its bar; None where there is none, or nothing to compare with."""
        held = None if self.bar is None else self.ratio if self.bar.is_ratio else self.median(SUBJECT)
        return None if held is None or self.bar is None else held <= self.bar.limit


def table(rows: Sequence[Row]) -> str:
    """For people."""
    lines: list[tuple[str, ...]] = [("", SUBJECT, PEER, "floor", "ratio", "bar", "")]
    for row in rows:
        bar = "" if row.bar is None else f"<= {row.bar.limit:g} {'x' if row.bar.is_ratio else row.unit}"
        verdict = {None: "", True: "met", False: "MISSED"}[row.is_met]
        values = [_spelled(row.median(name), row.unit) for name in (SUBJECT, PEER, "floor")]
        lines.append((row.name, *values, _spelled(row.ratio, "x"), bar, verdict))
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def document(rows: Sequence[Row], machine: Mapping[str, Any]) -> str:
    """For programs."""
    described = [
        {
            "workload": row.name,
            "unit": row.unit,
            "medians": {name: row.median(name) for name in row.samples},
            "samples": row.samples,
            "ratio": row.ratio,
            "bar": row.bar._asdict() if row.bar else None,
            "is_met": row.is_met,
        }
        for row in rows
    ]
    return json.dumps({"machine": machine, "rows": described}, indent=2)


def _spelled(value: float | None, unit: str) -> str:
    return "" if value is None else f"{value:,.3g} {unit}" if value < 1000 else f"{value:,.0f} {unit}"
