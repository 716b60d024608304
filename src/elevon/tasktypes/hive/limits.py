"""What tags and texts must be like, for the author's side and for the engine's.

The limits on tags are Qubole's; they hold for every backend, so that a task runs on each.
"""

from collections.abc import Sequence
from typing import Final

TAG_COUNT: Final = 6
TAG_LENGTH: Final = 20


def problem_of_tags(tags: Sequence[str]) -> str:
    """What is wrong with tags, as a sentence that names the field; empty if nothing is."""
    if len(tags) > TAG_COUNT:
        return f"tags: {len(tags)} are too many, at most {TAG_COUNT} are allowed"
    for tag in tags:
        if not tag.strip():
            return "tags: one of them is empty"
        if len(tag) > TAG_LENGTH:
            return f"tags: {tag!r} has {len(tag)} characters, at most {TAG_LENGTH} are allowed"
        if "," in tag:
            return f"tags: {tag!r} holds a comma, which separates tags"
    return ""
