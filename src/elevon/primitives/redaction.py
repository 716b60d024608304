"""The masking of secret values in whatever is written down.

It exists because a secret that was handed out turns up again where nobody put it: in the error text of a client
library, in a traceback, in what a task prints. It owns the forms in which a value is looked for: as it is, escaped as
in JSON and in Python, quoted as in a URL, in base64 at any offset, and by its long lines. It must never keep which
secret a value belongs to, and costs nothing until it has learnt one.
"""

import re
import threading
from collections.abc import Iterator
from typing import Final

MASK: Final = "***"
SHORTEST: Final = 4  # characters: what is shorter stands in every other text by chance
_SHORTEST_CODE: Final = 6
_SHORTEST_LINE: Final = 16
_BASE64_LEAD: Final = (0, 2, 3)  # characters at the begin that depend on what stands before, by offset
_BASE64_TRAIL: Final = (0, 3, 2)  # characters at the end that depend on what follows, padding included


class Redactor:
    """Knows secret values and replaces them by `MASK`; may be used from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: frozenset[str] = frozenset()
        self._pattern: re.Pattern[str] | None = None
        self._bytes_pattern: re.Pattern[bytes] | None = None

    @property
    def is_armed(self) -> bool:
        """Whether there is anything to look for."""
        return self._pattern is not None

    def learn(self, value: str) -> None:
        """Mask a value from now on; one shorter than `SHORTEST` characters could not be told from text, and is not."""
        value = value.strip()
        if len(value) < SHORTEST or value in self._values:
            return
        with self._lock:
            values = self._values | {value}
            forms = sorted({form for each in values for form in _forms(each)}, key=len, reverse=True)
            self._bytes_pattern = re.compile(b"|".join(re.escape(form.encode()) for form in forms))
            self._pattern = re.compile("|".join(map(re.escape, forms)))
            self._values = values  # at last: who finds it there, in another thread, may use it at once

    def text(self, text: str) -> str:
        """The text, with every value in any of its forms masked."""
        return text if self._pattern is None else self._pattern.sub(MASK, text)

    def content(self, content: bytes) -> bytes:
        """The same for bytes that hold text."""
        return content if self._bytes_pattern is None else self._bytes_pattern.sub(MASK.encode(), content)

    def blotted(self, content: bytes) -> bytes:
        """The same with masks as long as what they hide, for a file that somebody else goes on writing to."""
        if self._bytes_pattern is None:
            return content
        return self._bytes_pattern.sub(lambda found: b"*" * len(found[0]), content)

    def is_in(self, content: bytes) -> bool:
        """Whether bytes hold a value in any of its forms."""
        return self._bytes_pattern is not None and self._bytes_pattern.search(content) is not None


def _forms(value: str) -> Iterator[str]:
    """The spellings of a value that are looked for."""
    import json  # these take longer to load than all else here, and most engines hand no secret out
    from urllib.parse import quote, quote_plus

    yield value
    for ascii_only in (True, False):
        yield json.dumps(value, ensure_ascii=ascii_only)[1:-1]
    yield repr(value)[1:-1]
    yield quote(value, safe="")
    yield quote(value)
    yield quote_plus(value)
    yield from _base64_forms(value.encode(errors="surrogateescape"))
    lines = [line.strip() for line in value.splitlines()]
    if len(lines) > 1:
        yield from (line for line in lines if len(line) >= _SHORTEST_LINE)


def _base64_forms(content: bytes) -> Iterator[str]:
    """What is the same in every text in base64 that holds the content, as in `user:password` of an HTTP header."""
    import base64

    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for offset, lead in enumerate(_BASE64_LEAD):
            whole = encode(bytes(offset) + content).decode()
            form = whole[lead : len(whole) - _BASE64_TRAIL[(offset + len(content)) % 3]]
            if len(form) >= _SHORTEST_CODE:
                yield form
