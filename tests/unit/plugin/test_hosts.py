import asyncio
import contextlib
import logging
import sys
import threading
from datetime import UTC, datetime, timedelta

import pytest

from elevon import errors
from elevon.plugin import Executor, ExecutorProperties, SetupContext, TaskStatus, hosts
from elevon.plugin.crossings import Crossing, UnexpectedExitError
from elevon.plugin.hosts import ThreadHost
from elevon.plugin.invocations import AttemptPaths, Invocation, TaskFacts
from elevon.plugin.registry import Registry
from elevon.records.answers import Answer, CallKind
from elevon.records.attempts import AttemptRecord
from elevon.records.identities import AttemptId, ExecutionId
from elevon.records.phases import AttemptPhase
from elevon.testing.clocks import EPOCH
from elevon.testing.contexts import MemoryServices, ScriptedLauncher

LONG = timedelta(seconds=30)


class ManualClock:
    def __init__(self):
        self.seconds = 0.0

    def now(self):
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def monotonic(self):
        return self.seconds

    async def sleep(self, seconds):
        self.seconds += seconds


class FolderOfDicts:
    """A blob store that tells on which thread it was used."""

    def __init__(self):
        self.content = {}
        self.threads = set()

    async def put(self, uri, content):
        self.threads.add(threading.current_thread())
        self.content[uri] = content

    async def get(self, uri):
        return self.content[uri]

    async def delete_prefix(self, uri):
        self.content = {key: value for key, value in self.content.items() if not key.startswith(uri)}


class PanicException(BaseException):
    """What an extension module written with pyo3 raises when its Rust code panics."""


class Probe(Executor[None, None]):
    """Runs whatever a test hands to it, and remembers its life."""

    id = "probe"
    task_types = ("probe",)

    def __init__(self):
        self.life = []
        self.threads = []

    async def initialize(self, setup):
        self.life.append("initialize")
        self.threads.append(threading.current_thread())
        await setup.blobs.put("mem://seed", b"1")

    async def start_task(self, ctx, template, spec, inputs):
        return TaskStatus.running()

    async def check_task_status(self, ctx):
        self.threads.append(threading.current_thread())
        return TaskStatus.succeeded({})

    async def kill_task(self, ctx, reason):
        pass

    async def close(self):
        self.life.append("close")


class EngineProbe(Probe):
    properties = ExecutorProperties(isolation="engine")


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def setup(clock, tmp_path):
    return SetupContext(config=None, clock=clock, blobs=FolderOfDicts(), state_dir=tmp_path)


def host_of(executor, setup):
    host = hosts.host_of(Registry.of([executor]).of_type("probe"), setup)
    assert isinstance(host, hosts.LocalHost)
    return host


@contextlib.asynccontextmanager
async def running(executor, setup):
    host = host_of(executor, setup)
    await host.start()
    try:
        yield host
    finally:
        await host.stop(timedelta(seconds=2))


@pytest.fixture(params=[EngineProbe, Probe])
async def host(request, setup):
    async with running(request.param(), setup) as made:
        yield made


async def nothing():
    pass


async def forever():
    await asyncio.Event().wait()


async def test_a_call_returns_what_its_coroutine_returns(host):
    async def answer():
        return 42

    assert await host.call(answer) == 42


async def test_a_call_raises_what_its_coroutine_raises(host):
    async def fail():
        raise ValueError("no such column")

    with pytest.raises(ValueError, match="no such column"):
        await host.call(fail)


async def test_a_time_limit_cancels_the_call_and_says_so(host):
    ended = threading.Event()

    async def endless():
        try:
            await forever()
        finally:
            ended.set()

    with pytest.raises(errors.UnavailableError, match=r"'probe' did not answer within 0.01 s"):
        await host.call(endless, time_limit=timedelta(milliseconds=10))
    assert ended.is_set(), "the call had not ended when its host returned"


async def test_a_time_out_of_the_executors_own_is_no_time_limit_of_the_engine(host):
    async def impatient():
        raise TimeoutError("the service is slow")

    with pytest.raises(TimeoutError, match="the service is slow"):
        await host.call(impatient)


async def test_a_call_that_is_cancelled_has_ended_before_the_cancellation_comes_through(host):
    begun, may_end, ended = threading.Event(), threading.Event(), threading.Event()

    async def tidy():
        begun.set()
        try:
            await forever()
        finally:
            await asyncio.to_thread(may_end.wait, 20)
            ended.set()

    task = asyncio.ensure_future(host.call(tidy, time_limit=LONG))
    assert await asyncio.to_thread(begun.wait, 20)
    task.cancel()
    done, _ = await asyncio.wait([task], timeout=0)
    assert not done, "the call is still tidying up"
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()


@pytest.mark.parametrize(
    "error", [SystemExit(3), KeyboardInterrupt(), PanicException("overflow"), asyncio.CancelledError()]
)
async def test_a_call_can_end_neither_the_engine_nor_the_task_that_waits(host, error):
    async def leave():
        raise error

    with pytest.raises(UnexpectedExitError, match=type(error).__name__):
        await host.call(leave)

    async def answer():
        return "still here"

    assert await host.call(answer) == "still here"


async def test_calls_are_refused_before_the_start_and_after_the_stop(setup):
    host = host_of(Probe(), setup)
    with pytest.raises(errors.UnavailableError, match="'probe' is not running"):
        await host.call(forever)
    await host.start()
    await host.stop()
    with pytest.raises(errors.UnavailableError, match="'probe' is not running"):
        await host.call(forever)


@pytest.mark.parametrize("kind", [EngineProbe, Probe])
async def test_a_failed_initialize_is_kept_as_the_reason_and_refuses_calls(kind, setup):
    class Unlucky(kind):
        async def initialize(self, setup):
            raise OSError("no route to the cluster")

    executor = Unlucky()
    async with running(executor, setup) as host:
        assert not host.is_ready
        assert host.failure is not None
        assert "no route to the cluster" in host.failure.message
        with pytest.raises(errors.UnavailableError, match="no route to the cluster"):
            await host.call(forever)
    assert executor.life == [], "what was never initialized is not closed"


async def test_an_initialize_that_can_not_be_cancelled_is_left_behind(setup):
    release = threading.Event()

    class Stuck(Probe):
        async def initialize(self, setup):
            release.wait(20)

    host = host_of(Stuck(), setup)
    instant = timedelta(milliseconds=10)
    await host.start(instant, grace=instant)
    assert host.failure is not None
    assert "did not answer within 0.01 s" in host.failure.message
    release.set()
    await host.stop()


@pytest.mark.parametrize("kind", [EngineProbe, Probe])
async def test_a_panic_in_initialize_or_close_stays_in_the_host(kind, setup, caplog):
    class Panicking(kind):
        async def initialize(self, setup):
            raise PanicException("overflow")

    class Frail(kind):
        async def close(self):
            raise PanicException("double free")

    async with running(Panicking(), setup) as host:
        assert host.failure is not None
        assert "PanicException(overflow)" in host.failure.message
    async with running(Frail(), setup) as host:
        assert host.is_ready
    assert "'probe' could not be closed" in caplog.text


@pytest.mark.parametrize("kind", [EngineProbe, Probe])
async def test_an_executor_is_initialized_first_and_closed_last(kind, setup):
    executor = kind()
    async with running(executor, setup):
        assert executor.life == ["initialize"]
    assert executor.life == ["initialize", "close"]


async def test_isolation_decides_the_thread(setup):
    inside, outside = EngineProbe(), Probe()
    async with running(inside, setup), running(outside, setup):
        assert inside.threads == [threading.current_thread()]
        assert [thread.name for thread in outside.threads] == ["elevon-probe"]


async def test_a_stopped_host_leaves_no_thread(setup):
    before = set(threading.enumerate())
    async with running(Probe(), setup) as host:
        task = asyncio.ensure_future(host.call(forever, time_limit=LONG))
        await asyncio.sleep(0)
    with pytest.raises((asyncio.CancelledError, errors.UnavailableError)):
        await task
    assert set(threading.enumerate()) == before


async def test_a_host_that_is_stopped_while_it_starts_leaves_no_thread(setup):
    before = set(threading.enumerate())
    host = host_of(Probe(), setup)
    starting = asyncio.ensure_future(host.start())
    await asyncio.sleep(0)
    assert set(threading.enumerate()) != before
    starting.cancel()
    await asyncio.wait([starting])
    await host.stop()
    assert set(threading.enumerate()) == before


async def test_a_thread_without_a_loop_is_a_failed_initialize(setup, monkeypatch):
    def exhausted():
        raise OSError("too many open files")

    monkeypatch.setattr(asyncio.events, "new_event_loop", exhausted)
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    host = host_of(Probe(), setup)
    await host.start()
    assert host.failure is not None
    assert "elevon-probe could not open an event loop" in host.failure.message
    await host.stop()


def check_of(folder):
    record = AttemptRecord(
        node_id="n0",
        executor_id="probe",
        task_type="probe",
        phase=AttemptPhase.RUNNING,
        custom_state=b"null",
        queued_at=EPOCH,
    )
    return Invocation(
        call=CallKind.CHECK,
        id=AttemptId(ExecutionId("default", "development", "a0"), "n0", 0),
        name="a0-n0-0",
        paths=AttemptPaths(folder),
        task=TaskFacts(),
        record=record,
        now=EPOCH,
    )


async def test_what_the_engine_gives_runs_on_the_engines_loop(setup, tmp_path):
    submitting = []

    class Submitter(Probe):
        async def check_task_status(self, ctx):
            async def submit(token):
                submitting.append(threading.current_thread().name)
                return f"query of {token}"

            assert await ctx.write_inputs() == ctx.inputs_file
            assert ctx.environment["FLYTE_INTERNAL_EXECUTION_ID"] == "a0"
            result = await ctx.once("query", submit)
            await ctx.launcher.poll()
            return TaskStatus.running(reason=result)

    executor = Submitter()
    launcher = ScriptedLauncher()
    services = MemoryServices(launcher, tmp_path / "inputs.pb")
    async with running(executor, setup) as host:
        answer = await host.carry_out(check_of(tmp_path), services)
    assert setup.blobs.threads == {threading.current_thread()}
    assert submitting == ["elevon-probe"]
    assert isinstance(answer, Answer)
    assert answer.reason == f"query of {services.onces['query'].token}"
    assert launcher.calls == ["poll"]


async def test_a_blocked_loop_is_found_named_and_forgotten_when_it_answers(setup, clock, caplog):
    caplog.set_level(logging.WARNING)
    blocking, release = threading.Event(), threading.Event()

    async def block_the_loop():
        blocking.set()
        release.wait(20)

    async with running(Probe(), setup) as host:
        task = asyncio.ensure_future(host.call(block_the_loop, time_limit=LONG))
        assert await asyncio.to_thread(blocking.wait, 20)
        began_at = clock.now()
        host.watch()
        assert host.blocked_since is None
        clock.seconds += 6
        host.watch()
        host.watch()
        assert host.blocked_since == began_at
        assert caplog.text.count("'probe' has blocked its loop since") == 1
        release.set()
        await task
        await host.call(nothing)  # the owed heartbeat is answered before it
        assert host.blocked_since is None


async def test_another_executor_is_not_disturbed_by_a_blocked_one(setup):
    release = threading.Event()

    async def block_the_loop():
        release.wait(20)

    async def answer():
        return "here"

    async with running(Probe(), setup) as blocked, running(Probe(), setup) as other:
        task = asyncio.ensure_future(blocked.call(block_the_loop, time_limit=LONG))
        await asyncio.sleep(0)
        assert await other.call(answer) == "here"
        release.set()
        await task


async def test_a_host_that_stays_blocked_is_left_behind_and_its_calls_are_answered(setup, caplog):
    caplog.set_level(logging.WARNING)
    blocking, release = threading.Event(), threading.Event()

    async def block_the_loop():
        blocking.set()
        release.wait(20)

    host = host_of(Probe(), setup)
    assert isinstance(host, ThreadHost)
    await host.start()
    task = asyncio.ensure_future(host.call(block_the_loop, time_limit=LONG))
    assert await asyncio.to_thread(blocking.wait, 20)
    thread = next(one for one in threading.enumerate() if one.name == "elevon-probe")
    assert thread.daemon
    await host.stop(timedelta(milliseconds=20))
    with pytest.raises(errors.UnavailableError, match="stopped during a call"):
        await task
    assert "left behind" in caplog.text
    release.set()
    await asyncio.to_thread(thread.join)


async def test_what_is_posted_together_wakes_the_other_loop_once():
    crossing = Crossing(asyncio.get_running_loop())
    seen = []
    for number in range(100):
        crossing.post(lambda number=number: seen.append(number))
    await asyncio.sleep(0)
    assert seen == list(range(100))
    assert crossing.wakeup_count == 1


async def test_many_threads_can_post_without_losing_anything():
    crossing = Crossing(asyncio.get_running_loop())
    seen = []
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [
            threading.Thread(target=lambda: [crossing.post(lambda: seen.append(1)) for _ in range(2000)])
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            await asyncio.to_thread(thread.join)
    finally:
        sys.setswitchinterval(interval)
    await asyncio.sleep(0)
    assert len(seen) == 8000
    assert crossing.wakeup_count <= 8000
