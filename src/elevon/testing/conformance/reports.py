"""How a report of a check looks: as text for people, and as JSON for programs."""

from collections.abc import Iterator
from typing import Any

from elevon.testing.conformance.findings import Finding, Report


def lines(report: Report) -> Iterator[str]:
    """The report as text."""
    yield (
        f"{report.scenario} (executor {report.executor}, gear {report.gear}): "
        f"{report.run_count} run{'s' if report.run_count != 1 else ''} in {report.took_s:.1f} s"
    )
    for finding in report.findings:
        yield ""
        yield f"BROKEN  {finding.promise.title}"
        yield f"  {finding.sentence}"
        if finding.faults:
            yield f"  what went wrong: {'; '.join(finding.faults)}"
        yield from (f"  {line}" for line in finding.story)
        yield f"  see it again: {command(report, finding)}"
    if report.unchecked:
        yield ""
        for gap in report.unchecked:
            yield f"not checked: {gap.what} ({gap.why})"
    yield ""
    count = len(report.findings)
    yield "no promise was seen broken" if not count else f"{count} broken promise{'s' if count > 1 else ''}"


def document(report: Report) -> dict[str, Any]:
    """The report as JSON data."""
    return {
        "scenario": report.scenario,
        "executor": report.executor,
        "gear": report.gear,
        "seed": report.seed,
        "runs": report.run_count,
        "took_s": report.took_s,
        "broken": [
            {
                "promise": finding.promise.number or None,
                "name": finding.promise.value[1],
                "sentence": finding.sentence,
                "faults": list(finding.faults),
                "story": list(finding.story),
                "seed": finding.seed,
                "command": command(report, finding),
            }
            for finding in report.findings
        ],
        "not_checked": [{"what": gap.what, "why": gap.why} for gap in report.unchecked],
    }


def command(report: Report, finding: Finding) -> str:
    """What shows a finding again."""
    gear = "" if report.gear == "virtual" else f" --gear {report.gear}"
    return f"elevon plugin check {report.scenario} --seed {finding.seed} --runs 1{gear}"
