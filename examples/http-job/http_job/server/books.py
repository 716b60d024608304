"""The jobs of the service: made once for each key, moved on by nothing but time.

Where a job stands is worked out when somebody asks, so ten thousand jobs that nobody asks for cost nothing. No I/O
but the ledger's, no clock: every call is told the time.
"""

from collections.abc import Iterable, Sequence

import msgspec

from http_job.jobs import Job, JobOutcome, JobPhase, JobRequest, Page
from http_job.server.ledgers import Entry, Ledger, What

_QUEUE_SHARE = 0.1


class KeyRefusedError(Exception):
    """No job will be made under this key: somebody has deleted it."""


class _Kept(msgspec.Struct):
    """One job, as it was asked for.

    Attributes:
        number: Counts jobs, from 0.
        key: The idempotency key.
        request: What was asked for.
        created_at: When, in seconds since 1970.
        ended_by: What ended it before it did so by itself; None for nothing.
    """

    number: int
    key: str
    request: JobRequest
    created_at: float
    ended_by: What | None = None


class JobBook:
    """All jobs.

    Args:
        ledger: Where everything is written down.
        entries: What an earlier process wrote there.
    """

    def __init__(self, ledger: Ledger, entries: Iterable[Entry] = ()) -> None:
        self._ledger = ledger
        self._jobs: list[_Kept] = []  # by number; what is forgotten keeps its number
        self._by_id: dict[str, _Kept] = {}
        self._by_key: dict[str, _Kept] = {}
        self._refused_keys: set[str] = set()
        for entry in entries:
            self._replay(entry)

    def create(self, key: str, request: JobRequest, now: float) -> Job:
        """Make a job, or give the one that was made under this key.

        Raises:
            KeyRefusedError: The key was deleted.
        """
        if key in self._refused_keys:
            raise KeyRefusedError(key)
        known = self._by_key.get(key)
        if known is None:
            known = self._add(key, request, now)
            self._ledger.append(Entry(What.CREATED, now, key, _id_of(known), request))
        else:
            self._ledger.append(Entry(What.REPEATED, now, key, _id_of(known)))
        return _seen(known, now)

    def get(self, job_id: str, now: float) -> Job | None:
        """A job, by its id."""
        known = self._by_id.get(job_id)
        return None if known is None else _seen(known, now)

    def find(self, key: str, now: float) -> Job | None:
        """A job, by its idempotency key."""
        known = self._by_key.get(key)
        return None if known is None else _seen(known, now)

    def some(self, job_ids: Sequence[str], now: float) -> Page:
        """Those of these jobs that there are."""
        known = [self._by_id[job_id] for job_id in job_ids if job_id in self._by_id]
        return Page([_seen(job, now) for job in known])

    def page(self, after: str, limit: int, now: float) -> Page:
        """The jobs that were made after one of them; all of them after an empty id."""
        first = 0 if not after else self._by_id[after].number + 1
        chosen = self._jobs[first : first + limit]
        next_after = _id_of(chosen[-1]) if first + limit < len(self._jobs) else ""
        return Page([_seen(job, now) for job in chosen if _id_of(job) in self._by_id], next_after)

    def delete(self, job_id: str, now: float) -> bool:
        """End a job, once; whether there is one of that id."""
        known = self._by_id.get(job_id)
        if known is not None:
            self._end(known, What.DELETED, now)
        return known is not None

    def finish(self, job_ids: Sequence[str], now: float) -> None:
        """Have these jobs succeed at once, or all of them if none is named; what has ended stays as it is."""
        for job_id in job_ids or list(self._by_id):
            self._end(self._by_id[job_id], What.FINISHED, now)

    def refuse(self, key: str, now: float) -> None:
        """End the job of a key, and make none under it from now on."""
        known = self._by_key.get(key)
        if known is not None:
            self.delete(_id_of(known), now)
        elif key not in self._refused_keys:
            self._refused_keys.add(key)
            self._ledger.append(Entry(What.REFUSED, now, key))

    def forget(self, job_id: str) -> None:
        """Know a job no more, as a service that has lost its data."""
        known = self._by_id.pop(job_id, None)
        if known is not None:
            self._by_key.pop(known.key)

    def _add(self, key: str, request: JobRequest, now: float) -> _Kept:
        made = _Kept(len(self._jobs), key, request, now)
        self._jobs.append(made)
        self._by_id[_id_of(made)] = self._by_key[key] = made
        return made

    def _end(self, job: _Kept, by: What, now: float) -> None:
        if not _is_over(job, now):
            job.ended_by = by
            self._ledger.append(Entry(by, now, job.key, _id_of(job)))

    def _replay(self, entry: Entry) -> None:
        match entry.what:
            case What.CREATED if entry.request is not None:
                self._add(entry.key, entry.request, entry.at)
            case What.DELETED | What.FINISHED:
                self._by_id[entry.job_id].ended_by = entry.what
            case What.REFUSED:
                self._refused_keys.add(entry.key)
            case _:
                pass


def _id_of(job: _Kept) -> str:
    return f"{job.number:x}"


def _is_over(job: _Kept, now: float) -> bool:
    is_endless = job.request.outcome is JobOutcome.RUN_FOR_EVER
    return job.ended_by is not None or (not is_endless and now >= job.created_at + job.request.duration_s)


def _seen(job: _Kept, now: float) -> Job:
    """The job, as of now."""
    request, job_id = job.request, _id_of(job)
    if job.ended_by is What.DELETED:
        return Job(job_id, JobPhase.DELETED)
    if not _is_over(job, now):
        is_queued = now < job.created_at + request.duration_s * _QUEUE_SHARE
        return Job(job_id, JobPhase.QUEUED if is_queued else JobPhase.RUNNING)
    if job.ended_by is What.FINISHED or request.outcome is JobOutcome.SUCCEED:
        return Job(job_id, JobPhase.SUCCEEDED, value=request.value)
    is_mendable = request.outcome is JobOutcome.FAIL_FOR_NOW
    error = f"the job with value {request.value} was asked to fail"
    return Job(job_id, JobPhase.FAILED, error=error, is_mendable=is_mendable)
