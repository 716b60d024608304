"""The program that runs one pod: starts its containers, watches over them, and writes down what becomes of them.

An engine starts it as `python -P -m elevon.workers.cluster.keeper FOLDER`, with the secrets of the pod on its standard
input if it asks for any; from then on it needs no engine. It holds the lock of the pod, and so does the reaper of its
containers: whoever finds that lock free knows that nothing of the pod runs any more, however it ended. It must never
begin a pod that was begun before, which a status proves.
"""

import asyncio
import contextlib
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from elevon import errors
from elevon.primitives import locks
from elevon.primitives.clocks import SystemClock
from elevon.primitives.redaction import Redactor
from elevon.records.resources import (
    DATA_DIR_ANNOTATION,
    MAIN_CONTAINER_ANNOTATION,
    Manifest,
    is_being_deleted,
    uid_of,
)
from elevon.workers import birthmarks, processes
from elevon.workers.cluster import kinds, secrets, shelves
from elevon.workers.cluster.containers import ContainerRun, ContainerSurroundings
from elevon.workers.cluster.instants import spelled
from elevon.workers.cluster.manifests import ContainerPlan
from elevon.workers.cluster.outputs import PodOutputs
from elevon.workers.cluster.secrets import Handout
from elevon.workers.settings import WorkerSettings

_LOOK_S: Final = 0.1
# As Kubernetes paces what it starts again.
_FIRST_PAUSE_S: Final = 10.0
_LONGEST_PAUSE_S: Final = 300.0
_LOGS: Final = "logs"
_STDIN: Final = 0


class PodRun:
    """One run of a pod, from its first container to the end of its last.

    Args:
        folder: Of the pod.
        pod: Its manifest.
        household: Starts the containers.
        clock: The time.
        handed: The secrets that it is given.
    """

    def __init__(
        self,
        folder: Path,
        pod: Manifest,
        household: processes.Household,
        clock: SystemClock,
        handed: Handout = secrets.NOTHING,
    ) -> None:
        self._folder = folder
        self._household = household
        self._uid = uid_of(pod)
        self._clock = clock
        self._plan = kinds.plan(pod, folder, handed)
        redactor = Redactor()
        for value in handed.all_values():
            redactor.learn(value)
        make_private = household.make_folder if handed.values else None
        self._outputs = PodOutputs(_log_folder(folder, pod), redactor, make_private)
        self._output_limit_bytes = WorkerSettings().output_limit_bytes
        self._started_at = clock.now()
        self._told: Manifest = {}
        self._phase = "Pending"
        self._reason: tuple[str, str] = ("", "")
        self._ends_at_s: float | None = None
        main = pod["metadata"].get("annotations", {}).get(MAIN_CONTAINER_ANNOTATION, "")

        def run_of(plan: ContainerPlan) -> ContainerRun:
            output = self._outputs.of(plan, main)
            return ContainerRun(plan, ContainerSurroundings(household, clock, output, self._tell))

        self._inits = [run_of(plan) for plan in self._plan.inits]
        self._containers = [run_of(plan) for plan in self._plan.containers]
        self._companions: list[asyncio.Task[None]] = []

    async def carry_out(self) -> None:
        """Run it; what has become of it is in the status then."""
        for folder in self._plan.folders:
            folder.mkdir(parents=True, exist_ok=True)
        if self._plan.secret_files:
            secrets.write(self._plan.secret_files, secrets.folder_of(self._uid, self._folder))
        await self._tell_surely()  # from now on nobody else begins it
        async with asyncio.TaskGroup() as group:
            watch = group.create_task(self._watch())
            await self._run(group)
            await self._end_companions()
            watch.cancel()
        await self._household.end_adopted(self._clock)
        with contextlib.suppress(OSError):
            self._outputs.cut(self._output_limit_bytes)
            self._outputs.close()
        secrets.remove(self._uid, self._folder)
        runs = [run for run in (*self._inits, *self._containers) if not run.goes_on]
        self._phase = (
            "Succeeded" if all(run.has_succeeded for run in runs) and not self._reason[0] else "Failed"
        )
        await self._tell_surely()

    async def _run(self, group: asyncio.TaskGroup) -> None:
        for run in self._inits:
            if self._is_ending:
                return
            run.start()
            if run.goes_on:
                self._companions.append(group.create_task(self._keep_up(run)))
                continue
            await run.ended()
            if not run.has_succeeded:
                return
        if self._is_ending:
            return
        self._phase = "Running"
        for run in self._containers:
            run.start()
        for run in self._containers:
            await run.ended()

    async def _keep_up(self, run: ContainerRun) -> None:
        """Start a container again whenever it ends: at once, and then ever later."""
        pause_s = 0.0
        while True:
            await run.ended()
            await self._clock.sleep(pause_s)
            if self._is_ending:
                return
            run.start_again()
            pause_s = min(max(_FIRST_PAUSE_S, 2 * pause_s), _LONGEST_PAUSE_S)

    async def _end_companions(self) -> None:
        """End what goes on after the containers that it is for, and return when it has ended."""
        left = [run for run in self._inits if run.goes_on and run.has_begun]
        if left and not self._is_ending:
            self._begin_end(self._plan.grace_s)
        for run in left:
            await run.ended()
        for companion in self._companions:
            companion.cancel()

    @property
    def _is_ending(self) -> bool:
        return self._ends_at_s is not None

    async def _watch(self) -> None:
        """Look every now and then whether it is to end, or a container takes too much."""
        while True:
            self._look_if_possible()
            await self._clock.sleep(_LOOK_S)

    def _look_if_possible(self) -> None:
        """What can't be read or written now, because the disk is full, is no reason to end what runs."""
        try:
            self._look()
        except OSError as error:
            sys.stderr.write(f"the pod can't be looked after now: {error}\n")

    def _look(self) -> None:
        runs = [*self._inits, *self._containers]
        for run in runs:
            run.hold_to_memory()
        self._household.bury_adopted()
        self._tell()  # again, if it could not be told before
        self._outputs.cut(self._output_limit_bytes)
        if self._ends_at_s is not None:
            if self._clock.monotonic() >= self._ends_at_s:
                for run in runs:
                    run.kill()
            return
        pod = shelves.read(self._folder)
        deadline_s = self._plan.deadline_s
        if pod is None or is_being_deleted(pod):
            grace_s = None if pod is None else pod["metadata"].get("deletionGracePeriodSeconds")
            self._begin_end(self._plan.grace_s if grace_s is None else grace_s)
        elif deadline_s is not None and self._clock.now() - self._started_at > timedelta(seconds=deadline_s):
            self._reason = ("DeadlineExceeded", f"the pod was active for more than {deadline_s:g} s")
            self._begin_end(self._plan.grace_s)

    def _begin_end(self, grace_s: float) -> None:
        """Ask all that runs to end, and end it after the time of grace."""
        self._ends_at_s = self._clock.monotonic() + grace_s
        for run in (*self._inits, *self._containers):
            run.terminate()

    async def _tell_surely(self) -> None:
        """Write down where it stands, however long that is not possible."""
        while not self._tell():
            await self._clock.sleep(_LOOK_S)

    def _tell(self) -> bool:
        """Write down where it stands; False if that could not be written now."""
        reason, message = self._reason
        waits = self._phase == "Running" and any(run.waits_in_vain for run in self._containers)
        waits_for = "PodInitializing" if self._inits else "ContainerCreating"
        status: dict[str, Any] = {
            "phase": "Pending" if waits else self._phase,
            "startTime": spelled(self._started_at),
            "containerStatuses": [run.status(waits_for) for run in self._containers],
            **self._plan.shown,
        }
        if self._inits:
            status["initContainerStatuses"] = [run.status(waits_for) for run in self._inits]
        if reason:
            status |= {"reason": reason, "message": message}
        if status != self._told:
            try:
                shelves.write_status(self._folder, status)
            except OSError as error:
                sys.stderr.write(f"the status of the pod can't be written now: {error}\n")
                return False
            self._told = status
        return True


def _log_folder(folder: Path, pod: Manifest) -> Path:
    """Where the output goes: to the attempt's directory if the pod says which that is."""
    named = pod["metadata"].get("annotations", {}).get(DATA_DIR_ANNOTATION)
    logs = Path(named) if named else folder / _LOGS
    try:
        logs.mkdir(parents=True, exist_ok=True)
    except OSError:  # of a machine that this is not
        logs = folder / _LOGS
        logs.mkdir(parents=True, exist_ok=True)
    return logs


async def keep(folder: Path) -> None:
    """Run the pod of a folder, unless somebody does or did."""
    try:
        lock = locks.hold(folder / shelves.LOCK)
    except errors.ConflictError:
        return
    pod = shelves.read(folder)
    if pod is None or shelves.read_status(folder) is not None or is_being_deleted(pod):
        return
    asked = kinds.plan(pod, folder).asked
    handed = secrets.receive(_STDIN) if asked else secrets.NOTHING
    if handed is None:
        sys.stderr.write("the engine that began the pod ended before it had handed out the secrets\n")
        return
    clock = SystemClock()
    swept = [secrets.folder_of(uid_of(pod), folder)] if asked else []
    mark = birthmarks.of(uid_of(pod))
    household = processes.Household(folder / shelves.SCRATCH, lock.fileno(), swept, mark)
    household.adopt()
    try:
        await PodRun(folder, pod, household, clock, handed).carry_out()
    finally:
        await household.close(clock)


def main() -> None:
    """Run the pod of the folder of the command line, and let it go if it is to: there may be no engine that does."""
    folder = Path(sys.argv[1])
    asyncio.run(keep(folder))
    pod = shelves.read(folder)
    if pod is not None and shelves.is_free(pod):
        shelf = shelves.shelf_of(folder)
        shelf.remove(pod)
        shelf.sweep()


if __name__ == "__main__":
    main()
