"""Files and directories travel by reference: a task hands one out, and the next one has it at a local path."""

from elevon import Directory, File, current_context, task, workflow


@task
def write(text: str) -> File:
    """Write into the scratch directory of this attempt; what is returned is stored before the attempt ends."""
    path = current_context().scratch_dir / "text.txt"
    path.write_text(text, encoding="utf-8")
    return File(path)


@task
def split(file: File) -> Directory:
    """A file for each word."""
    folder = current_context().scratch_dir / "words"
    folder.mkdir()
    with file.open() as lines:
        for position, word in enumerate(lines.read().split()):
            (folder / f"{position}.txt").write_text(word, encoding="utf-8")
    return Directory(folder)


@task
def longest(words: Directory) -> str:
    """Read them again."""
    return max((path.read_text(encoding="utf-8") for path in words.path.iterdir()), key=len)


@workflow
def longest_word(text: str) -> str:
    """The longest word of a text, by way of a file and a directory."""
    return longest(words=split(file=write(text=text)))
