"""Who gives a command, as it is recorded with what it asks for."""

import getpass
import os


def who() -> str:
    """Whoever runs this command, for the record; in a container, a user may have no name."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = f"uid {os.getuid()}"
    return f"{name} (pid {os.getpid()})"
