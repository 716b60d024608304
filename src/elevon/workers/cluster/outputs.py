"""What containers write, from where they write it to where it is read.

It owns the masking of secrets in it: what the containers of a pod write that was given some stays in a folder that
nobody looks into, and that goes with the keeper, until they have ended; then it is masked and shown.
"""

import contextlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from elevon.primitives.redaction import Redactor
from elevon.workers import captures, error_files
from elevon.workers.cluster.manifests import ContainerPlan

_CONTAINERS: Final = "containers"


class PodOutputs:
    """The output of a pod: one that its containers have between them, or one for each.

    Args:
        folder: In which it is seen, and in which code of the user may leave an error.
        redactor: Knows the secrets that the pod was given.
        make_private: Makes a folder for what is not to be seen yet; None if the pod was given no secrets.
    """

    def __init__(self, folder: Path, redactor: Redactor, make_private: Callable[[], Path] | None) -> None:
        self._folder = folder
        self._redactor = redactor
        self._make_private = make_private
        self._outputs: dict[str, ContainerOutput] = {}

    def of(self, plan: ContainerPlan, main: str) -> "ContainerOutput":
        """Where a container writes: with the others, unless one of them is the main one."""
        name = "" if main in ("", plan.name) else plan.name
        if name not in self._outputs:
            place = _Place(
                root=self._folder,
                shown=self._folder / _CONTAINERS / name if name else self._folder,
                private=None if self._make_private is None else self._make_private(),
                ends_with_container=bool(main) and not plan.goes_on,
            )
            self._outputs[name] = ContainerOutput(place, self._redactor)
        return self._outputs[name]

    def cut(self, limit_bytes: int) -> None:
        """Cut all of it back to a limit for each."""
        for output in self._outputs.values():
            output.cut(limit_bytes)

    def close(self) -> None:
        """Show what was not to be seen before; for when nothing writes any more."""
        for output in self._outputs.values():
            output.close()


class _Place(msgspec.Struct, frozen=True):
    """Where an output is.

    Attributes:
        root: The folder of the pod's whole output.
        shown: The folder in which this one is seen.
        private: The folder in which it is until then; None for the same.
        ends_with_container: Whether nobody writes to it after the end of a container.
    """

    root: Path
    shown: Path
    private: Path | None
    ends_with_container: bool


class ContainerOutput:
    """Two streams, of a container or of all.

    Attributes:
        streams: Descriptors of stdout and stderr.
    """

    def __init__(self, place: _Place, redactor: Redactor) -> None:
        place.shown.mkdir(parents=True, exist_ok=True)
        captures.clear(place.shown)
        self._place = place
        self._folder = place.private or place.shown
        self._redactor = redactor
        self._is_open = True
        self.streams = captures.create(self._folder)

    def cut(self, limit_bytes: int) -> None:
        """Cut it back to a limit."""
        captures.cut(self._folder, limit_bytes)

    def settle(self) -> None:
        """Let what a container has left be seen, before anybody is told that it has ended."""
        try:
            error_files.mask(self._place.root, self._redactor)
            if self._place.ends_with_container:
                self.close()
        except OSError as error:  # a full disk is no reason not to tell
            sys.stderr.write(f"what a container has written can't be shown: {error}\n")

    def close(self) -> None:
        """Show what was not to be seen before; for when nothing writes to it any more."""
        if self._is_open:
            self._is_open = False
            for stream in self.streams:
                os.close(stream)
            if self._folder != self._place.shown:
                captures.show_masked(self._folder, self._place.shown, self._redactor)
                self._folder = self._place.shown

    def tail(self, name: str, noise: str) -> str:
        """The last lines of one of the streams, masked."""
        path = self._folder / name
        if not self._redactor.is_armed:
            return captures.tail(path, noise)
        try:
            return captures.last_lines(self._redactor.content(path.read_bytes()), noise)
        except OSError:
            return ""

    def message(self, path: Path, limit_bytes: int) -> str:
        """What a container has left to be told, in a file that then holds no secret either; empty for nothing."""
        try:
            if not self._redactor.is_armed:
                with path.open("rb") as file:
                    return file.read(limit_bytes).decode(errors="replace")
            content = path.read_bytes()
        except OSError:
            return ""
        masked = self._redactor.content(content)
        if masked != content:
            with contextlib.suppress(OSError):
                path.write_bytes(masked)
        return masked[:limit_bytes].decode(errors="replace")
