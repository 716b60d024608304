"""Why something failed, in the form that is stored, shown and sent as `core.ExecutionError`."""

import traceback

import msgspec

from elevon import errors


class Failure(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One failure.

    Attributes:
        code: Machine-readable code, e.g. `USER:ValueError` or `SYSTEM:Unavailable`.
        message: One sentence for a person.
        kind: Who has to act: USER or SYSTEM.
        traceback: The user's own frames, where user code raised; empty otherwise.
        is_recoverable: Whether another attempt may help.
    """

    code: str
    message: str
    kind: errors.ErrorKind = errors.ErrorKind.SYSTEM
    traceback: str = ""
    is_recoverable: bool = True

    @property
    def is_system_fault(self) -> bool:
        """Whether the system failed and another try may help: that costs no retry of the user's."""
        return self.kind is errors.ErrorKind.SYSTEM and self.is_recoverable


def from_exception(error: BaseException, *, is_traceback_wanted: bool = False) -> Failure:
    """The failure that an exception stands for, by the error table.

    Args:
        error: Any exception; one outside elevon's tree counts as a system failure.
        is_traceback_wanted: Whether to keep the traceback; foreign exceptions always keep theirs.
    """
    policy = errors.policy_of(error)
    is_foreign = not isinstance(error, errors.ElevonError)
    text = _text_of(error) or type(error).__name__
    return Failure(
        code=policy.code,
        message=f"{type(error).__name__}: {text}" if is_foreign else text,
        kind=policy.kind,
        traceback=_storable("".join(traceback.format_exception(error)))
        if is_foreign or is_traceback_wanted
        else "",
        is_recoverable=policy.retry is not errors.Retry.NEVER,
    )


def _text_of(error: BaseException) -> str:
    try:
        return _storable(str(error))
    except Exception:  # noqa: BLE001 - a stranger's class, which may not even be able to say what is wrong
        return ""


def _storable(text: str) -> str:
    # An exception may quote a file name that is no Unicode: neither msgpack nor protobuf takes a lone surrogate.
    return text.encode(errors="backslashreplace").decode()
