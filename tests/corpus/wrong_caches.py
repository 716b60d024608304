"""Executors that take a cache for more than an accelerator."""

from elevon.plugin import TaskStatus
from elevon.testing import FakeService, Promise, ServiceJob
from tests.corpus.right import CachedJob, CachedScenario, Context, Status


class ReliesOnItsCache(CachedJob):
    """Puts each job into the cache once, and takes it out from then on."""

    def __init__(self, service: FakeService) -> None:
        super().__init__(service)
        self.seen: set[str] = set()

    async def check_task_status(self, ctx: Context) -> Status:
        name = ctx.state.job
        if name not in self.seen:
            self.seen.add(name)
            self.jobs.get_or_create(name, ServiceJob(id=name, token="", status="unknown"), ctx.wake)
        job = self.jobs.get(name)
        if job is None:
            raise LookupError(name)
        return TaskStatus.unknown() if job.status == "unknown" else self.status(job, ctx.state)


class CheckReliesOnItsCache(CachedScenario):
    made = ReliesOnItsCache


WRONG = {CheckReliesOnItsCache: Promise.CACHES}
