"""What an executor may remember from one engine to the next: by rights nothing, and less honestly more.

A real engine loses the executor, its module and its caches when it is killed. To find out where an executor keeps what
it lost, the kit repeats a run in which more survives. It owns the making of executors; which modules are imported anew
is the affair of `modules`.
"""

import enum
from typing import Any

from elevon.plugin.executors import Executor
from elevon.testing.conformance.modules import Modules
from elevon.testing.conformance.proxies import Outage, Process, ServiceProxy
from elevon.testing.scenarios import Scenario


class Survival(enum.Enum):
    """What of the executor's side survives the end of an engine."""

    NOTHING = "nothing"
    MODULES = "its modules"
    OBJECT = "the executor itself"


class Memory:
    """Makes the executors of one run.

    Args:
        modules: The author's.
        survival: What survives the end of an engine.
        service: Of the run; None for none.
    """

    def __init__(self, modules: Modules, survival: Survival, service: Any) -> None:
        self._modules = modules
        self._survival = survival
        self._service = service
        self._outage = Outage()
        self._scenario: Scenario | None = None
        self._kept: tuple[Executor[Any, Any], ServiceProxy | None] | None = None

    def executor(self, process: Process) -> Executor[Any, Any]:
        """The executor of a new engine, made anew as far as nothing of it survives."""
        if self._kept is not None and self._survival is Survival.OBJECT:
            executor, proxy = self._kept
            if proxy is not None:
                proxy.process = process
            return executor
        if self._scenario is None or self._survival is Survival.NOTHING:
            self._scenario = self._modules.scenario()
        proxy = None if self._service is None else ServiceProxy(self._service, process, self._outage)
        executor = self._scenario.executor(proxy)
        self._kept = executor, proxy
        return executor
