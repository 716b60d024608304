"""Places for the files of tests."""

from pathlib import Path


class Untouched:
    """For values without local files: any use is a failure of the test."""

    def upload(self, local_path: Path) -> str:
        raise AssertionError(f"{local_path} was stored")

    def keep(self, content: bytes) -> str:
        raise AssertionError(f"{content!r} was stored")

    def download(self, uri: str) -> Path:
        raise AssertionError(f"{uri} was fetched")


class InPlace:
    """Files stay where they are; what was asked for is remembered."""

    def __init__(self) -> None:
        self.stored: list[Path] = []
        self.fetched: list[str] = []

    def upload(self, local_path: Path) -> str:
        self.stored.append(local_path)
        return local_path.as_uri()

    def keep(self, content: bytes) -> str:
        raise AssertionError(f"{content!r} is in no file")

    def download(self, uri: str) -> Path:
        self.fetched.append(uri)
        return Path(uri.removeprefix("file://"))


class Kept:
    """Files are copied into memory."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.held: dict[str, bytes] = {}

    def upload(self, local_path: Path) -> str:
        return self.keep(local_path.read_bytes())

    def keep(self, content: bytes) -> str:
        uri = f"kept://{len(self.held)}"
        self.held[uri] = content
        return uri

    def download(self, uri: str) -> Path:
        path = self.root / uri.removeprefix("kept://")
        path.write_bytes(self.held[uri])
        return path
