"""How a secret is called as a variable and as a file: flytekit's conventions, for both sides of a task's process.

The engine looks secrets up by these names, and a task finds by the same names those that it was given; so a task that
was written with flytekit finds its own without knowing elevon.
"""

import re
from pathlib import Path
from typing import Final

from elevon import errors

VARIABLE_PREFIX: Final = "_FSEC_"
FOLDER: Final = "/etc/secrets"
PREFIX_SETTING: Final = "FLYTE_SECRETS_ENV_PREFIX"
FOLDER_SETTING: Final = "FLYTE_SECRETS_DEFAULT_DIR"
_WORD = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")


def variable(group: str, key: str, version: str = "", prefix: str = VARIABLE_PREFIX) -> str:
    """The name of the environment variable: `_FSEC_<GROUP>_<KEY>`, the version between them if there is one.

    Raises:
        UserError: A part can't be one of a name.
    """
    return prefix + "_".join(_parts(group, key, version)).upper()


def path(group: str, key: str, version: str = "", folder: str = FOLDER) -> Path:
    """The path of the file: `/etc/secrets/<group>/<key>` in lower case, the version between them if there is one.

    Raises:
        UserError: A part can't be one of a path: whoever names a secret must not reach any other file.
    """
    return Path(folder, *(part.lower() for part in _parts(group, key, version)))


def describe(group: str, key: str, version: str = "") -> str:
    """A secret in a sentence: `'password' of the group 'db'`."""
    return f"{key!r} of the group {group!r}" + (f" in version {version!r}" if version else "")


def _parts(group: str, key: str, version: str) -> list[str]:
    parts = [part for part in (group, version, key) if part]
    for part in parts:
        if not _WORD.fullmatch(part):
            raise errors.UserError(
                f"{part!r} is no name of a secret or of a group: use letters, digits, '_', '-', and '.' inside"
            )
    if not parts:
        raise errors.UserError("a secret without a group and a key can't be looked for: name both")
    return parts
