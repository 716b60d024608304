"""What executors say, without the secrets that this engine has handed out.

Every event passes here on its way to the machine, so that no record, transition or message can hold a secret. Text is
masked; a custom state or a result of `once` is refused, because to change it would break its executor. Outputs are the
user's data and stay as they are.
"""

from typing import Any, cast

import msgspec

from elevon import errors
from elevon.primitives.redaction import Redactor
from elevon.propeller.machine.events import (
    AbandonRequested,
    AbortRequested,
    CallRaised,
    Event,
    FailRequested,
    Refused,
    StatusReturned,
    Unparked,
)
from elevon.records.answers import Answer
from elevon.records.attempts import LogLink, OnceRecord
from elevon.records.failures import Failure


def masked(event: Event, redactor: Redactor) -> Event:
    """The event as it may be recorded."""
    if not redactor.is_armed:
        return event
    match event:
        case StatusReturned():
            return _status(event, redactor)
        case CallRaised():
            return msgspec.structs.replace(event, failure=_failure(event.failure, redactor))
        case AbortRequested() | FailRequested() | AbandonRequested() | Unparked():
            by, reason = redactor.text(event.by), redactor.text(event.reason)
            return msgspec.structs.replace(event, by=by, reason=reason)
        case Refused():
            return msgspec.structs.replace(event, reason=redactor.text(event.reason))
        case _:
            return event


def refuse_secret(record: OnceRecord, redactor: Redactor) -> None:
    """Keep a secret out of the intents.

    Raises:
        CorruptStateError: The key or the result of an intent holds one.
    """
    if not redactor.is_armed:
        return
    if redactor.is_in(record.key.encode(errors="replace")):
        raise errors.CorruptStateError(
            "the key of a once(...) holds a secret: name the effect by something else"
        )
    if record.result is not None and redactor.is_in(record.result):
        path = _path(msgspec.json.decode(record.result), redactor, "result")
        raise errors.CorruptStateError(
            f"{path} of once({record.key!r}) holds a secret: return what names the effect outside"
        )


def _status(event: StatusReturned, redactor: Redactor) -> Event:
    answer = event.answer
    if answer.custom_state is not None and redactor.is_in(answer.custom_state):
        path = _path(msgspec.json.decode(answer.custom_state), redactor, "state")
        failure = Failure(
            code="SYSTEM:StateRefused",
            message=f"the executor returned a state that can't be kept: {path} holds a secret; keep its group and key",
            is_recoverable=False,
        )
        return CallRaised(event.node_id, event.attempt, event.call, failure, is_final=True)
    return msgspec.structs.replace(event, answer=_answer(answer, redactor))


def _answer(answer: Answer, redactor: Redactor) -> Answer:
    info = answer.custom_info
    return msgspec.structs.replace(
        answer,
        failure=None if answer.failure is None else _failure(answer.failure, redactor),
        log_links=tuple(
            LogLink(redactor.text(link.name), redactor.text(link.uri)) for link in answer.log_links
        ),
        custom_info=msgspec.json.encode(_json(msgspec.json.decode(info), redactor)) if info else info,
        reason=redactor.text(answer.reason),
    )


def _failure(failure: Failure, redactor: Redactor) -> Failure:
    return msgspec.structs.replace(
        failure,
        code=redactor.text(failure.code),
        message=redactor.text(failure.message),
        traceback=redactor.text(failure.traceback),
    )


def _json(value: Any, redactor: Redactor) -> Any:
    """Data of JSON, masked; a number that is a secret becomes a text."""
    if isinstance(value, dict):
        entries = cast("dict[str, Any]", value).items()
        return {redactor.text(key): _json(inner, redactor) for key, inner in entries}
    if isinstance(value, list):
        return [_json(inner, redactor) for inner in cast("list[Any]", value)]
    if isinstance(value, str):
        return redactor.text(value)
    return redactor.text(str(value)) if redactor.is_in(msgspec.json.encode(value)) else value


def _path(value: Any, redactor: Redactor, path: str) -> str:
    """Where data of JSON holds a secret: the innermost place that can be named without telling it."""
    if isinstance(value, dict):
        for key, inner in cast("dict[str, Any]", value).items():
            if not redactor.is_in(key.encode()) and redactor.is_in(msgspec.json.encode(inner)):
                return _path(inner, redactor, f"{path}.{key}")
    if isinstance(value, list):
        for index, inner in enumerate(cast("list[Any]", value)):
            if redactor.is_in(msgspec.json.encode(inner)):
                return _path(inner, redactor, f"{path}[{index}]")
    return path
