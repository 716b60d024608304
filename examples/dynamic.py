"""A dynamic task: how many nodes there are is decided while the workflow runs, by what an earlier task found."""

from elevon import dynamic, task, workflow


@task
def chapters(text: str) -> list[str]:
    """The text in parts, each of which begins with a line in capitals."""
    parts: list[str] = []
    for line in text.splitlines():
        if line.isupper() or not parts:
            parts.append("")
        parts[-1] += f"{line}\n"
    return parts


@task
def word_count(chapter: str) -> int:
    """How many words there are."""
    return len(chapter.split())


@task
def longest(counts: list[int]) -> int:
    """The greatest of the counts; 0 if there are none."""
    return max(counts, default=0)


@dynamic
def longest_chapter(parts: list[str]) -> int:
    """Count the words of each part in a task of its own.

    Here `parts` is the list itself, so that a loop, `if` and `len` can look at it; what the calls give are
    placeholders, as in a workflow.
    """
    return longest(counts=[word_count(chapter=part) for part in parts])


@workflow
def measure(text: str) -> int:
    """Words of the longest chapter."""
    return longest_chapter(parts=chapters(text=text))
