"""What a workflow author gets wrong: every marked line must fail, and no other."""

from datetime import timedelta

import elevon
from elevon import Resources, if_, map_task, task, workflow


@task
def count(text: str) -> int:
    return len(text)


@task
def shout(text: str) -> str:
    return text.upper()


elevon.wrokflow()  # error: reportAttributeAccessIssue, reportUnknownMemberType


@task(retry=2)  # error: reportCallIssue, reportUntypedFunctionDecorator
def misspelled(text: str) -> str:
    return text


@task(retries="2", timeout=timedelta(seconds=3))  # error: reportArgumentType
def mistyped(text: str) -> str:
    return text


@workflow(on_failure="fail")  # error: reportArgumentType
def policy(text: str) -> str:
    return text


@workflow
def wrong(text: str, limit: int) -> str:
    count(limit)  # error: reportArgumentType
    count()  # error: reportCallIssue
    count(text=text, limit=limit)  # error: reportCallIssue
    shout(count(text))  # error: reportArgumentType
    count.with_overrides(nodename="x")(text)  # error: reportCallIssue
    count.with_overrides(retries=2)(limit)  # error: reportArgumentType
    if_(count(text), lambda: shout(text)).else_(lambda: text)  # error: reportArgumentType
    if_(limit > 2, shout(text)).else_(lambda: text)  # error: reportArgumentType
    unfinished: str = if_(limit > 2, lambda: shout(text))  # error: reportAssignmentType
    if_(limit > 2, lambda: text).elif_(limit > 3, lambda: 3).else_(lambda: text)  # error: reportArgumentType
    shout(map_task(count)([text]))  # error: reportArgumentType
    whole: list[int] = map_task(count, min_success_ratio=0.5)([text])  # error: reportAssignmentType
    map_task(len)  # error: reportArgumentType
    map_task(count, min_success=1)  # error: reportCallIssue
    Resources(cores=3)  # error: reportCallIssue
    print(unfinished, whole)
    return count(text)  # error: reportReturnType
