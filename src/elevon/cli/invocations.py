"""What the options that commands share mean, and how a command line is written for somebody to copy.

It exists so that a sentence such as "go on with `elevon resume ...`" names the same home and the same executors as
the command that says it.
"""

import argparse
import os
import shlex
from typing import Final

import msgspec

from elevon import app, errors
from elevon.app import configurations, logs
from elevon.app.logs import LogSettings

_ENGINES: Final = frozenset({"run", "serve", "resume", "recover", "abort"})
_HOMES_ALONE: Final = frozenset({"serve", "plugin replay"})


class Invocation(msgspec.Struct, frozen=True, kw_only=True):
    """The options of one command, as far as they are shared.

    Attributes:
        home_option: `--home` as it was given; None for the default.
        remote_option: `--remote` as it was given; None for none.
        remote: URL of the server that is meant; empty for the home.
        workers: `--workers`; None for the default.
        max_parallelism: `--max-parallelism`; None for the default.
        tasktypes: `--tasktype`, each.
        metrics_port: `--metrics-port`; None for none.
        logs: `--log-format` and `--log-level`.
        is_debugging: `--debug`, which is a level too.
        is_json: Whether stdout is for one JSON document.
    """

    home_option: str | None = None
    remote_option: str | None = None
    remote: str = ""
    workers: int | None = None
    max_parallelism: int | None = None
    tasktypes: tuple[str, ...] = ()
    metrics_port: int | None = None
    logs: LogSettings = LogSettings()
    is_debugging: bool = False
    is_json: bool = False

    @property
    def home(self) -> app.Home:
        """The home directory that is meant."""
        return app.Home(app.home_path(self.home_option))

    @property
    def settings(self) -> app.Settings:
        """What an engine is told: by options, else by the configuration of the home, else the default.

        Raises:
            UserError: The configuration is wrong.
        """
        path = self.home.configuration
        configured = configurations.read(path)
        engine = configured.engine
        return app.Settings(
            workers=engine.workers if self.workers is None else self.workers,
            max_parallelism=engine.max_parallelism if self.max_parallelism is None else self.max_parallelism,
            tasktypes=tuple(dict.fromkeys((*configured.tasktypes, *self.tasktypes))),
            configuration=configured.executors,
            configuration_origin=str(path),
            hosts=tuple(host.settings(name, path) for name, host in configured.hosts.items()),
            default_executor=engine.default_executor,
            state_limit_bytes=engine.state_limit_bytes,
            secrets=configured.secrets,
            metrics_port=configured.metrics.port if self.metrics_port is None else self.metrics_port,
            images=configured.cluster.images,
            pools={name: pool.limits for name, pool in configured.pools.items()},
        )

    def check_engine_is_not_told(self) -> None:
        """Refuse what an engine is told, because the engine of a server is told by who starts the server.

        Raises:
            UserError: There is something.
        """
        told = {
            "--workers": self.workers,
            "--tasktype": self.tasktypes or None,
            "--metrics-port": self.metrics_port,
        }
        for option, value in told.items():
            if value is not None:
                raise errors.UserError(
                    f"{option} is what an engine is told: give it to the elevon serve at {self.remote}"
                )

    def configure_logs(self) -> None:
        """Let the log of this process be what options, or else the configuration of the home, say.

        Raises:
            UserError: The configuration is wrong.
        """
        given = self.logs.over(LogSettings(level="debug" if self.is_debugging else None))
        logs.configure(given.over(configurations.read(self.home.configuration).logs))

    def words(self, command: str, *arguments: str) -> list[str]:
        """Another command, one word or two, with the same home and executors, as words behind `elevon`."""
        words = [*command.split(), *arguments]
        if self.home_option:
            words += ["--home", self.home_option]
        if self.remote_option and command not in _HOMES_ALONE:
            return [*words, "--remote", self.remote_option]
        if command in _ENGINES:
            for tasktype in self.tasktypes:
                words += ["--tasktype", tasktype]
            if self.workers is not None:
                words += ["--workers", str(self.workers)]
            for option, value in (("format", self.logs.format), ("level", self.logs.level)):
                words += [f"--log-{option}", value] if value else []
            words += [] if self.metrics_port is None else ["--metrics-port", str(self.metrics_port)]
        return words

    def command(self, command: str, *arguments: str) -> str:
        """The same as a line for a shell."""
        return shlex.join(["elevon", *self.words(command, *arguments)])


def of(options: argparse.Namespace) -> Invocation:
    """Read the shared options; a command that lacks one has its default.

    Raises:
        UserError: Both a home and a server are named, or a server that the command can't work on.
    """
    return Invocation(
        home_option=getattr(options, "home", None),
        remote_option=getattr(options, "remote", None),
        remote=_remote_of(options),
        workers=getattr(options, "workers", None),
        max_parallelism=getattr(options, "max_parallelism", None),
        tasktypes=tuple(getattr(options, "tasktype", ())),
        metrics_port=getattr(options, "metrics_port", None),
        logs=LogSettings(
            format=getattr(options, "log_format", None), level=getattr(options, "log_level", None)
        ),
        is_debugging=getattr(options, "debug", False),
        is_json=getattr(options, "output", "text") == "json",
    )


def _remote_of(options: argparse.Namespace) -> str:
    """The server that is meant: the option, else `ELEVON_REMOTE` unless a home is named."""
    home = getattr(options, "home", None)
    given = getattr(options, "remote", None)
    if home and given:
        raise errors.UserError("--home and --remote are both given: a command works on one of them")
    if given is not None or home or not hasattr(options, "home"):
        return given or ""
    default = os.environ.get("ELEVON_REMOTE", "")
    if default and not hasattr(options, "remote"):
        raise errors.UserError(
            f"ELEVON_REMOTE names the server {default}, and this command works on a home alone: name it by --home"
        )
    return default
