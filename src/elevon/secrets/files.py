"""Secrets as files of this machine, as Kubernetes mounts them: `/etc/secrets/<group>/<key>`."""

import asyncio

from elevon import errors
from elevon.primitives import secret_names


class FileSecretStore:
    """Reads secrets from files, anew at each call, so that a secret that was exchanged is seen.

    Args:
        folder: Below it are the folders of the groups.
    """

    def __init__(self, folder: str = secret_names.FOLDER) -> None:
        self._folder = folder

    async def get(self, group: str, key: str, version: str = "") -> str:
        path = secret_names.path(group, key, version, self._folder)
        try:
            return (await asyncio.to_thread(path.read_text, encoding="utf-8")).strip()
        except (FileNotFoundError, NotADirectoryError):
            raise errors.NotFoundError(
                f"there is no secret {secret_names.describe(group, key, version)}: write the file {path}"
            ) from None
        except OSError as error:
            raise errors.UnavailableError(f"the secret {path} can't be read: {error.strerror}") from error
        except UnicodeDecodeError:  # which quotes what it could not decode
            raise errors.UnavailableError(f"the secret {path} is no text in UTF-8") from None
