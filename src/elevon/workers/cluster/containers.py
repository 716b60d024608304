"""A container of a pod: a process group, and what Kubernetes would say of it.

It owns the container's part of a pod's status (core/v1, ContainerStatus). When and why a container is ended is the
keeper's matter.
"""

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from elevon import errors, ports
from elevon.workers import folders, processes
from elevon.workers.cluster.instants import spelled
from elevon.workers.cluster.manifests import ContainerPlan
from elevon.workers.cluster.outputs import ContainerOutput
from elevon.workers.settings import WorkerSettings

_MESSAGE_LIMIT_BYTES: Final = 4096
_CANNOT_RUN: Final = 127
_SIGNAL_BASE: Final = 128


class ContainerSurroundings(msgspec.Struct, frozen=True):
    """What the containers of a pod share.

    Attributes:
        household: Starts them.
        clock: The time.
        output: Where they write, all of them or one.
        on_change: Called when one of them has something new to say.
    """

    household: processes.Household
    clock: ports.Clock
    output: ContainerOutput
    on_change: Callable[[], object]


class ContainerRun:
    """One container of a pod.

    Args:
        plan: What is run.
        around: What it shares with the others.
    """

    def __init__(self, plan: ContainerPlan, around: ContainerSurroundings) -> None:
        self._plan = plan
        self._around = around
        self._process: processes.OwnedProcess | None = None
        self._temporary: Path | None = None
        self._started_at: datetime | None = None
        self._is_out_of_memory = False
        self._waits_in_vain: dict[str, str] = {}
        self._end: dict[str, Any] | None = None
        self._has_ended = asyncio.Event()
        self._restart_count = 0

    @property
    def goes_on(self) -> bool:
        """Whether it is started again whenever it ends."""
        return self._plan.goes_on

    @property
    def has_begun(self) -> bool:
        """Whether somebody has started it."""
        return self._started_at is not None or self.waits_in_vain

    @property
    def waits_in_vain(self) -> bool:
        """Whether it lacks a secret, or what its image would run: there are no images here."""
        return bool(self._waits_in_vain)

    @property
    def has_succeeded(self) -> bool:
        """Whether it ran and exited with 0."""
        return self._end is not None and self._end["exitCode"] == 0

    def start(self) -> None:
        """Start it; one that can't be started has ended at once and says why, one that lacks something waits."""
        self._waits_in_vain = _what_is_missing(self._plan)
        if not self._waits_in_vain:
            self._started_at = self._around.clock.now()
            try:
                self._process = self._spawned()
            except errors.ElevonError as error:
                self._finish(_CANNOT_RUN, "ContainerCannotRun", str(error))
        self._around.on_change()

    def start_again(self) -> None:
        """Start it anew after its end."""
        self._process, self._end, self._is_out_of_memory = None, None, False
        self._has_ended.clear()
        self._restart_count += 1
        self.start()

    async def ended(self) -> None:
        """Return when it has ended."""
        await self._has_ended.wait()

    def terminate(self) -> None:
        """Ask it to end."""
        if self._process is not None:
            self._process.terminate()
        elif self._waits_in_vain:
            self._has_ended.set()

    def kill(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.kill()

    def hold_to_memory(self) -> None:
        """End it if it uses more memory than it may."""
        process, limit = self._process, self._plan.memory_bytes
        if process is not None and self._end is None and limit and process.resident_bytes() > limit:
            self._is_out_of_memory = True
            process.kill()

    def status(self, waits_for: str) -> dict[str, Any]:
        """What Kubernetes would say of it.

        Args:
            waits_for: Why it has not begun, if it has not.
        """
        if self._end is not None:
            state: dict[str, Any] = {"terminated": self._end}
        elif self._started_at is not None:
            state = {"running": {"startedAt": spelled(self._started_at)}}
        elif self._waits_in_vain:
            state = {"waiting": self._waits_in_vain}
        else:
            state = {"waiting": {"reason": waits_for}}
        is_running = "running" in state
        return {
            "name": self._plan.name,
            "image": self._plan.image,
            "ready": is_running,
            "started": is_running,
            "restartCount": self._restart_count,
            "state": state,
        }

    def _spawned(self) -> processes.OwnedProcess:
        plan = self._plan
        if plan.problem:
            raise errors.UserError(plan.problem)
        temporary = self._temporary = self._around.household.make_temporary()
        environment = WorkerSettings().environment({folders.TMPDIR: str(temporary), **plan.environment})
        # In an image of elevon its own programs are found: here they may be in an environment that is not activated.
        own = str(Path(sys.executable).parent)
        environment["PATH"] = os.pathsep.join((environment.get("PATH", os.defpath), own))
        if shutil.which(plan.args[0], path=environment["PATH"]) is None:
            raise errors.UserError(f"there is no command {plan.args[0]!r} on this machine: install it")
        if not plan.cwd.is_dir():
            raise errors.UserError(f"there is no directory {plan.cwd} on this machine: set workingDir to one")
        command = ports.ProcessCommand(
            args=plan.args,
            environment=environment,
            cwd=plan.cwd,
            streams=(-1, *self._around.output.streams),
            may_scatter=True,
        )
        return self._around.household.spawn_gated(command, self._bury)

    def _bury(self, process: processes.OwnedProcess) -> None:
        if self._temporary is not None:
            folders.remove_soon(self._temporary)
        code = process.exit_code or 0
        if code < 0:
            code = _SIGNAL_BASE - code
        self._around.output.settle()
        if self._is_out_of_memory:
            self._finish(_SIGNAL_BASE + signal.SIGKILL, "OOMKilled", self._message(code))
        else:
            self._finish(code, "Error" if code else "Completed", self._message(code))
        self._around.on_change()

    def _finish(self, exit_code: int, reason: str, message: str) -> None:
        self._end = {"exitCode": int(exit_code), "reason": reason}
        self._end |= {"message": message} if message else {}
        if self._started_at is not None:
            self._end["startedAt"] = spelled(self._started_at)
        self._end["finishedAt"] = spelled(self._around.clock.now())
        self._has_ended.set()

    def _message(self, exit_code: int) -> str:
        """What it left to be told."""
        output = self._around.output
        message = output.message(self._plan.message_path, _MESSAGE_LIMIT_BYTES)
        if not message and exit_code and self._plan.shows_output:
            tails = (output.tail(name, self._plan.noise) for name in self._plan.streams)
            return next(filter(None, tails), "")
        return message


def _what_is_missing(plan: ContainerPlan) -> dict[str, str]:
    """Why Kubernetes would have a container wait, where waiting does not help; empty for nothing."""
    if plan.lacks:
        return {"reason": "CreateContainerConfigError", "message": plan.lacks}
    if plan.args:
        return {}
    # What Kubernetes says of an image that is not on the node and is not to be pulled.
    message = (
        f"a local cluster has no images, and nothing stands for {plan.image!r}: set command, or name one for the image "
        "in [cluster.images]"
    )
    return {"reason": "ErrImageNeverPull", "message": message}
