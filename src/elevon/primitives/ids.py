"""Names for executions, engines and attempts.

Names of executions are alphanumeric only, as tools take them from URLs by `executions/([a-zA-Z0-9]+)`.
"""

import hashlib
import re
import secrets
import string

_NOT_IN_NAMES = re.compile(r"[^a-z0-9]")
_ALPHABET = string.ascii_lowercase + string.digits


def new(prefix: str = "a", length: int = 20) -> str:
    """A random name of `length` characters, lower-case letters and digits, starting with `prefix`."""
    return prefix + "".join(secrets.choice(_ALPHABET) for _ in range(length - len(prefix)))


def digest(*parts: bytes) -> str:
    """SHA-256 of the parts as hex; each part's length is hashed too, so that parts can't run together."""
    state = hashlib.sha256()
    for part in parts:
        state.update(len(part).to_bytes(8, "big"))
        state.update(part)
    return state.hexdigest()


def generated_name(readable: str, max_length: int, identity: str = "") -> str:
    """A deterministic name valid in Kubernetes: lower-case letters, digits and dashes, at most `max_length`.

    Args:
        readable: What the name should remind of.
        max_length: Limit in characters; at least 16.
        identity: What the name stands for, where that is more than `readable`: equal identities get equal names,
            different ones different names, because a digest of it is part of each.
    """
    short = hashlib.sha256((identity or readable).encode()).hexdigest()[:10]
    mapped = _NOT_IN_NAMES.sub("-", readable.lower())
    stem = mapped[: max(1, max_length - len(short) - 1)].strip("-") or "e"
    if not stem[0].isalpha():
        stem = f"e{stem}"[: max_length - len(short) - 1]
    return f"{stem}-{short}"
