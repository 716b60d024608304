"""What an attempt finds around it in a warm worker, and what the next one must not find.

It owns the environment, the working directory and the standard streams of the worker process. What modules keep in
memory stays, which is what makes a worker warm; so do the temporary files that they may remember, as long as they are
few: those go with the worker. It must never fail an attempt for what an earlier one left behind: everything is set
afresh.
"""

import contextlib
import functools
import os
import shutil
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Final, cast

from elevon.primitives.redaction import Redactor
from elevon.workers import captures, folders

_LITTER_COUNT: Final = 100
_LITTER_BYTES: Final = 256 << 20
_TMPDIR: Final = os.fsencode(folders.TMPDIR)
_encoded = functools.lru_cache(1024)(
    os.fsencode
)  # from one attempt to the next, most names and values are the same


class Surroundings:
    """Sets the stage for one attempt after the other.

    Attributes:
        redactor: Masks what attempts write. It keeps what it has learnt from earlier ones, because modules may have
            kept that too.
    """

    def __init__(self, folder: Path, temporary: Path) -> None:
        """Take the process as it is for the state to go back to.

        Args:
            folder: The worker's own, for its spools and scratch directories.
            temporary: For the temporary files of whatever runs in it.
        """
        self.redactor = Redactor()
        self._folder = folder
        self._temporary = temporary
        # The dict behind os.environ: to copy the mapping itself takes longer than all the rest of a small task.
        self._present = cast("dict[bytes, bytes]", vars(os.environ)["_data"])
        self._environment = dict(self._present)
        self._scratch = _make_scratch(folder)
        null = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        self._targets = (null, *captures.create(folder))

    @contextlib.contextmanager
    def entered(
        self, data_dir: Path, environment: dict[str, str], output_limit_bytes: int
    ) -> Generator[Path]:
        """A clean environment, captured output, and an empty working directory.

        Yields:
            The working directory; what is left in it is removed at the end.
        """
        self._redirect()
        self._set_environment(environment)
        os.chdir(self._scratch)
        try:
            yield self._scratch
        finally:
            self._flush()
            self._deliver(data_dir, output_limit_bytes)
            self._clear_scratch()

    def is_littered(self) -> bool:
        """Whether so many temporary files were left behind that they are to go, and the worker with them."""
        count, size = 0, 0
        for folder, _, names in os.walk(self._temporary):
            for name in names:
                count += 1
                with contextlib.suppress(FileNotFoundError):
                    size += os.lstat(os.path.join(folder, name)).st_size  # noqa: PTH118 - often
                if count > _LITTER_COUNT or size > _LITTER_BYTES:
                    return True
        return False

    def _set_environment(self, extra: dict[str, str]) -> None:
        """Change what differs from the worker's own environment and this attempt's; mostly that is little."""
        place = self._present.get(_TMPDIR)
        wanted = self._environment | {_encoded(name): _encoded(text) for name, text in extra.items()}
        for name in self._present.keys() - wanted.keys():
            del os.environb[name]
        for name, text in wanted.items():
            if self._present.get(name) != text:
                os.environb[name] = text
        if wanted.get(_TMPDIR) != place:
            tempfile.tempdir = None  # it remembers what it has found

    def _connect(self) -> None:
        for descriptor, target in enumerate(self._targets):
            os.dup2(target, descriptor)

    def _redirect(self) -> None:
        """Let the standard streams lead to null and to empty spools, whatever was done to them."""
        self._connect()
        for descriptor, name in ((1, "stdout"), (2, "stderr")):
            if os.fstat(descriptor).st_size:
                os.ftruncate(descriptor, 0)
            stream = getattr(sys, f"__{name}__")
            stream.reconfigure(line_buffering=True)
            setattr(sys, name, stream)

    def _flush(self) -> None:
        """Write out what was printed; renew a stream that user code closed, or that a full disk refused.

        A file object keeps what was refused and would fail every later attempt with it.
        """
        for descriptor, name in ((1, "stdout"), (2, "stderr")):
            try:
                getattr(sys, name).flush()
                getattr(sys, f"__{name}__").flush()
            except Exception:  # noqa: BLE001 - what user code put in the stream's place may raise anything
                self._connect()
                stream = os.fdopen(descriptor, "w", closefd=False, errors="backslashreplace")
                setattr(sys, f"__{name}__", stream)

    def _deliver(self, data_dir: Path, output_limit_bytes: int) -> None:
        captures.mask(self._folder, self.redactor)
        has_output = False
        for name, descriptor in zip(captures.NAMES, self._targets[1:], strict=True):
            if os.fstat(descriptor).st_size:
                captures.deliver(self._folder, name, data_dir)
                spool = captures.create_one(self._folder, name)
                os.dup2(spool, descriptor, inheritable=False)
                os.close(spool)
                has_output = True
        if has_output:
            captures.cut(data_dir, output_limit_bytes)

    def _clear_scratch(self) -> None:
        with contextlib.suppress(OSError):
            if not os.listdir(self._scratch):  # noqa: PTH208 - after every task
                return
        os.chdir("/")
        # Under a new name: what can't be removed now must not be found by the next attempt.
        shutil.rmtree(self._scratch, ignore_errors=True)
        self._scratch = _make_scratch(self._folder)


def _make_scratch(folder: Path) -> Path:
    return Path(tempfile.mkdtemp(prefix="work-", dir=folder))
