"""The settings of tasks and nodes: identifiers, time-outs, resources, and what the engine can't honour yet.

It owns what a legal setting is on the wire. It must never look at bindings.
"""

import re
from collections.abc import Container, Iterable
from datetime import timedelta
from decimal import Decimal
from typing import Any, cast

from elevon import errors
from elevon.compiler import indexing
from elevon.compiler.problems import Code, Place, Report
from elevon.idl import pods
from elevon.idl.messages import Duration, Node, Resources, TaskTemplate
from elevon.primitives import quantities, suggestions

NODE_ID = re.compile(r"\w[\w-]{0,254}")
MAX_NAME_LENGTH = 255


def check_name(report: Report, place: Place, kind: str, name: str) -> None:
    """Report a name of a task or a workflow that can't be stored and shown."""
    if not name:
        report.add(Code.VALUE_REQUIRED, place, f"a {kind} has no name")
    elif len(name) > MAX_NAME_LENGTH or not name.isprintable():
        text = f"the name of a {kind} is at most {MAX_NAME_LENGTH} printable characters"
        report.add(Code.INVALID_VALUE, place, text)


def check_node_id(report: Report, place: Place, node_id: str) -> None:
    """Report an id that can't be part of a path of ids, or be given on a command line."""
    if NODE_ID.fullmatch(node_id) is None:
        report.add(
            Code.INVALID_VALUE,
            place,
            f"{node_id!r} is no id of a node: write at most 255 letters, digits, underscores and dashes, no dash first",
        )


def check_task(report: Report, task: TaskTemplate, known_types: Container[str] | None) -> None:
    """Report what is wrong with a task template."""
    place = Place(task=task.id.name)
    check_name(report, place, "task", task.id.name)
    if not task.type:
        report.add(Code.VALUE_REQUIRED, place, "it has no task type")
    elif known_types is not None and not any(
        name in known_types for name in (pods.served_type(task), task.type)
    ):
        ending = ""
        if isinstance(known_types, Iterable):
            ending = "; " + suggestions.hint(task.type, cast(Iterable[Any], known_types))
        report.add(
            Code.UNKNOWN_TASK_TYPE,
            place,
            f"no executor is registered for the task type {task.type!r}: install the package that has it, or name it "
            f"by --tasktype MODULE:CLASS{ending}",
        )
    if task.metadata.discoverable:
        report.add(Code.UNSUPPORTED, place, "its outputs can't be cached yet: leave out cache")
    check_duration(report, place, "timeout", task.metadata.timeout)
    try:
        indexing.queue_timeout_of(task)
    except errors.UserError as error:
        report.add(Code.INVALID_VALUE, place, str(error))
    check_resources(report, place, task.container.resources)


def check_node(report: Report, place: Place, node: Node) -> None:
    """Report what is wrong with a node, apart from what it runs."""
    check_node_id(report, place, node.id)
    check_node_settings(report, place, node)


def check_node_settings(report: Report, place: Place, node: Node) -> None:
    """Report what is wrong with the settings of a node."""
    check_duration(report, place, "timeout", node.metadata.timeout)
    if node.metadata.cacheable:
        report.add(Code.UNSUPPORTED, place, "its outputs can't be cached yet: leave out cache")
    if node.HasField("task_node"):
        check_resources(report, place, node.task_node.overrides.resources)
        if node.task_node.overrides.HasField("pod_template"):
            text = "its pod can't be replaced for one call yet: give the task itself that pod_template"
            report.add(Code.UNSUPPORTED, place, text)


def check_duration(report: Report, place: Place, name: str, duration: Duration) -> None:
    """Report a span that is negative or out of range; zero stands for none."""
    try:
        is_legal = duration.ToTimedelta() >= timedelta(0)
    except (ValueError, OverflowError):
        is_legal = False
    if not is_legal:
        report.add(Code.INVALID_VALUE, place, f"its {name} is no span of time from zero up")


def check_resources(report: Report, place: Place, resources: Resources) -> None:
    """Report quantities that can't be read, and limits below the requests."""
    amounts: dict[tuple[str, str], Decimal] = {}
    for kind, entries in (("request", resources.requests), ("limit", resources.limits)):
        for entry in entries:
            if entry.name not in Resources.ResourceName.values():
                report.add(Code.INVALID_VALUE, place, f"it has a {kind} of the unknown resource {entry.name}")
                continue
            name = Resources.ResourceName.Name(entry.name).lower()
            try:
                amounts[kind, name] = quantities.parse(entry.value)
            except errors.UserError as error:
                report.add(Code.INVALID_VALUE, place, f"its {kind} of {name}: {error}")
    for (kind, name), amount in amounts.items():
        if kind == "request" and amount > amounts.get(("limit", name), amount):
            report.add(Code.INVALID_VALUE, place, f"its request of {name} is above its limit")
