"""Files that are there as a whole or not at all, through any crash of the machine.

It owns the steps of a durable write: beside the file, to the disk, in its place, and the directory after it.
"""

import os
import secrets
from pathlib import Path


def write(path: Path, content: bytes) -> None:
    """Write a file durably and make the directories above it; readers see the old or the new content.

    Raises:
        OSError: It can't be written; nothing of it is left.
    """
    make_folder(path.parent)
    staged = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with staged.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        staged.replace(path)
    except BaseException:
        staged.unlink(missing_ok=True)
        raise
    flush_folder(path.parent)


def make_folder(folder: Path) -> None:
    """Make a directory and those above it, each durable in the one above."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        flush_folder(folder.parent)


def flush_folder(folder: Path) -> None:
    """Have what was made, renamed or removed in a directory outlive a crash of the machine."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
