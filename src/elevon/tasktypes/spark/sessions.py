"""The session of a function that runs in a Spark application, or is called as a plain function.

It owns when a session begins and ends, and that the workers of Python functions find the user's modules. It must never
end a session that somebody else began.
"""

import contextlib
import dataclasses
import os
import shutil
import zipfile
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from elevon import errors
from elevon.primitives import code_names
from elevon.sdk import contexts, files, sources

if TYPE_CHECKING:  # pyspark takes long to import, and is an extra
    from pyspark.sql import SparkSession

_SUBMITTED: Final = "PYSPARK_GATEWAY_PORT"
"""The variable by which `spark-submit` tells a program where its JVM is."""
_BUNDLE: Final = "elevon-code.zip"


class _LazySession:
    """A session that begins when it is asked for.

    Args:
        name: Of the application.
        confs: Settings of Spark, for a call as a plain function: an application was started with them.
        folder: Where the user's modules are packed.
    """

    def __init__(self, name: str, confs: Mapping[str, str], folder: Path) -> None:
        self._name = name
        self._confs = confs
        self._folder = folder
        self._session: SparkSession | None = None
        self._is_ours = False

    def get(self) -> "SparkSession":
        if self._session is None:
            self._session = self._begin()
        return self._session

    def stop(self) -> None:
        if self._session is not None and self._is_ours:
            self._session.stop()

    def _begin(self) -> "SparkSession":
        try:
            from pyspark.sql import SparkSession
        except ImportError as error:
            raise errors.UserError(
                "current_context().spark_session needs pyspark: install elevon with its extra spark"
            ) from error
        active = SparkSession.getActiveSession()
        if active is not None:
            return active
        self._is_ours = True
        if _SUBMITTED not in os.environ:
            return self._begin_locally()
        session = SparkSession.builder.getOrCreate()
        code = os.environ.get(code_names.VARIABLE)
        if code:
            session.sparkContext.addPyFile(str(pack(code, self._folder / _BUNDLE)))
        return session

    def _begin_locally(self) -> "SparkSession":
        from pyspark.sql import SparkSession

        if not (os.environ.get("JAVA_HOME") or shutil.which("java")):
            raise errors.UserError(
                "current_context().spark_session needs Java: install a runtime of version 17 or newer, or set JAVA_HOME"
            )
        confs = {
            "spark.master": "local[*]",
            "spark.ui.enabled": "false",
            **self._confs,
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.driver.host": "127.0.0.1",
        }
        builder = SparkSession.builder.appName(self._name)
        for name, value in confs.items():
            builder = builder.config(name, value)
        return builder.getOrCreate()


@contextlib.contextmanager
def offered(name: str, confs: Mapping[str, str]) -> Generator[None]:
    """Let `current_context().spark_session` be a session, stopped at the end if it was begun here."""
    context = contexts.current_context()
    session = _LazySession(name, confs, context.scratch_dir)
    with contexts.entered(dataclasses.replace(context, session=session.get)):
        try:
            yield
        finally:
            session.stop()


def pack(code: str, target: Path) -> Path:
    """The user's modules as an archive that Python imports from."""
    bundle = sources.decode(files.local_path(code).read_bytes())
    with zipfile.ZipFile(target, "w") as archive:
        folders: set[str] = set()
        for module in bundle.modules:
            folders.update(f"{parent}/" for parent in Path(module.path).parents if parent.name)
            archive.writestr(module.path, module.source)
        for folder in sorted(folders):  # without them a folder that has no __init__.py is no package
            archive.writestr(folder, b"")
    return target
