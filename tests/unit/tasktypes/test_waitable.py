"""`waitable`, call by call: what it waits for, what it says meanwhile, and what the user's code gets."""

import inspect
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from elevon import errors
from elevon.blobs.local_files import LocalBlobStore
from elevon.idl import identifiers, literals, waitables
from elevon.idl.messages import LiteralMap, TaskTemplate
from elevon.plugin.contexts import SetupContext
from elevon.ports import JobResult, JobStatus
from elevon.records.failures import Failure
from elevon.records.identities import ExecutionId
from elevon.records.phases import AttemptPhase, ExecutionPhase
from elevon.sdk import types
from elevon.sdk.files import IN_PLACE
from elevon.sdk.types import Waitable
from elevon.tasktypes.waitable.executor import WaitableConfig, WaitableExecutor
from elevon.testing import FakeControlPlane
from elevon.testing.clocks import SimulatedClock
from elevon.testing.contexts import FakeTaskContext, ScriptedLauncher

MINUTE = timedelta(minutes=1)


class Rig:
    """An executor with its control plane, on simulated time."""

    def __init__(self, directory: Path, clock: SimulatedClock, control_plane: Any, **config: Any) -> None:
        self.directory = directory
        self.clock = clock
        self.control_plane = control_plane
        control_plane.clock = clock
        self.setup = SetupContext(
            config=WaitableConfig(**config),
            clock=clock,
            blobs=LocalBlobStore(),
            state_dir=directory,
            control_plane=control_plane,
        )
        self.executor = WaitableExecutor()
        self.follow(JobStatus(is_started=True))

    def follow(self, *answers: JobStatus) -> None:
        """An attempt of whose job the launcher answers this."""
        self.launcher = ScriptedLauncher(answers)
        self.context = FakeTaskContext(
            self.executor, self.directory, launcher=self.launcher, setup=self.setup
        )

    async def start(self, *runs: Waitable):
        await self.executor.initialize(self.setup)
        return await self.context.start(self.executor, TaskTemplate(), None, inputs_of(*runs))

    async def check(self, after: timedelta = timedelta(seconds=3)):
        await self.clock.sleep(after.total_seconds())
        return await self.context.check(self.executor)

    async def close(self) -> None:
        await self.setup.caches.close()


def inputs_of(*runs: Waitable) -> LiteralMap:
    return literals.literal_map({"runs": types.to_literal(list(runs), list[Waitable], IN_PLACE)})


def runs_in(inputs: LiteralMap | None) -> list[Waitable]:
    assert inputs is not None
    return types.to_python(inputs.literals["runs"], list[Waitable], IN_PLACE)


Rigs = Callable[..., Rig]


def simulated(story: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """A test in simulated time; its first parameter makes rigs."""

    def test(tmp_path: Path, **given: Any) -> None:
        clock = SimulatedClock()
        made: list[Rig] = []

        def rigs(takes: Any, **config: Any) -> Rig:
            plane = takes if isinstance(takes, FakeControlPlane) else FakeControlPlane(takes)
            made.append(Rig(tmp_path, clock, plane, **config))
            return made[-1]

        async def whole() -> None:
            try:
                await story(rigs, **given)
            finally:
                for rig in made:
                    await rig.close()

        clock.run(whole())

    own = list(inspect.signature(test).parameters.values())[:1]
    given = list(inspect.signature(story).parameters.values())[1:]
    test.__name__ = story.__name__
    test.__signature__ = inspect.Signature([*own, *given])
    return test


@simulated
async def test_it_waits_for_all_and_tells_of_each_end_by_another_version(rigs: Rigs):
    rig = rigs({"a": MINUTE, "b": 2 * MINUTE})
    started = await rig.start(Waitable("a"), Waitable("b"))
    assert (started.phase, started.details.phase_version) == (AttemptPhase.QUEUED, 0)
    assert started.details.reason == "no end was seen of a, b"

    seen = await rig.check()
    assert (seen.phase, seen.details.phase_version) == (AttemptPhase.QUEUED, 2)
    assert [(link.name, link.uri) for link in seen.details.log_links] == [
        ("awaited a", "https://control-plane.example/executions/a"),
        ("awaited b", "https://control-plane.example/executions/b"),
    ]

    first = await rig.check(MINUTE)
    assert (first.phase, first.details.phase_version) == (AttemptPhase.QUEUED, 3)
    assert first.details.custom_info == {"awaited": 2, "SUCCEEDED": 1}
    assert first.details.reason == "no end was seen of b"
    assert rig.launcher.calls == []


@simulated
async def test_the_users_code_gets_the_inputs_with_the_final_phases(rigs: Rigs):
    rig = rigs(FakeControlPlane({"a": MINUTE, "b": None}, ends_as=ExecutionPhase.FAILED))
    await rig.start(Waitable("a"), Waitable("b", workflow="flows.b"), Waitable("a"))
    await rig.control_plane.terminate(ExecutionId("default", "development", "b"), "ann", "enough")
    launched = await rig.check(MINUTE + timedelta(seconds=3))
    assert launched.phase is AttemptPhase.INITIALIZING
    assert launched.details.check_after == timedelta(0)
    assert [link.name for link in launched.details.log_links] == ["awaited a", "awaited b"]

    running = await rig.check()
    assert running.phase is AttemptPhase.RUNNING
    where = ("default", "development")
    assert runs_in(rig.launcher.launches[-1].inputs) == [
        Waitable("a", *where, ExecutionPhase.FAILED, "awaited"),
        Waitable("b", *where, ExecutionPhase.ABORTED, "flows.b"),
        Waitable("a", *where, ExecutionPhase.FAILED, "awaited"),
    ]


@simulated
async def test_what_has_ended_by_its_reference_is_neither_asked_for_nor_changed(rigs: Rigs):
    rig = rigs({})
    given = [Waitable("a", "x", "y", ExecutionPhase.ABORTED, "flows.a")]
    assert (await rig.start(*given)).phase is AttemptPhase.INITIALIZING
    await rig.check()
    assert runs_in(rig.launcher.launches[-1].inputs) == given
    assert rig.control_plane.calls == []


@simulated
async def test_without_any_reference_the_code_runs_at_once(rigs: Rigs):
    rig = rigs({})
    assert (await rig.start()).phase is AttemptPhase.INITIALIZING


@simulated
async def test_an_executor_made_anew_waits_on_from_the_state(rigs: Rigs):
    rig = rigs({"a": MINUTE, "b": 3 * MINUTE})
    await rig.start(Waitable("a"), Waitable("b"))
    await rig.check(MINUTE + timedelta(seconds=3))
    await rig.close()

    rig.executor = WaitableExecutor()
    await rig.executor.initialize(rig.setup)
    asked = rig.control_plane.calls = []
    assert (await rig.check()).phase is AttemptPhase.QUEUED
    await rig.check()
    assert {one.name for ids in asked for one in ids} == {"b"}
    assert (await rig.check(3 * MINUTE)).phase is AttemptPhase.INITIALIZING
    await rig.check()
    workflows = [run.workflow for run in runs_in(rig.launcher.launches[-1].inputs)]
    assert workflows == ["awaited", "awaited"]  # also of the one that had ended before


@simulated
async def test_one_that_is_deleted_after_its_end_was_seen_has_no_workflow(rigs: Rigs):
    rig = rigs({"a": MINUTE, "b": 3 * MINUTE})
    await rig.start(Waitable("a"), Waitable("b"))
    await rig.check(MINUTE + timedelta(seconds=3))
    await rig.close()

    rig.executor = WaitableExecutor()
    await rig.executor.initialize(rig.setup)
    rig.control_plane.things = [thing for thing in rig.control_plane.things if thing.id != "a"]
    await rig.check()
    assert (await rig.check(3 * MINUTE)).phase is AttemptPhase.INITIALIZING
    await rig.check()
    assert [run.workflow for run in runs_in(rig.launcher.launches[-1].inputs)] == ["", "awaited"]


@simulated
async def test_an_execution_that_never_was_fails_the_task_for_good(rigs: Rigs):
    rig = rigs({"a": None})
    await rig.start(Waitable("a"), Waitable("typo"))
    status = await rig.check(timedelta(seconds=10))
    assert status.phase is AttemptPhase.FAILED
    assert status.failure == Failure(
        "USER:NotFound",
        "there is no execution typo, which the inputs refer to: `elevon executions` lists those there are",
        errors.ErrorKind.USER,
        is_recoverable=False,
    )
    assert rig.control_plane.things[0].is_running(rig.clock.now())


@simulated
async def test_one_that_is_deleted_while_it_is_awaited_is_told_apart(rigs: Rigs):
    rig = rigs({"a": None})
    await rig.start(Waitable("a"))
    await rig.check()
    rig.control_plane.forget()
    assert (await rig.check()).phase is AttemptPhase.QUEUED
    status = await rig.check(timedelta(seconds=10))
    assert status.failure is not None
    assert status.failure.message == (
        "a was deleted before its end was seen, so nobody knows how it ended: "
        "run it again, and refer to the new execution"
    )


@simulated
async def test_one_that_comes_late_is_waited_for(rigs: Rigs):
    rig = rigs({})
    await rig.start(Waitable("late"))
    assert (await rig.check()).phase is AttemptPhase.QUEUED
    rig.control_plane.begin("late", timedelta(seconds=1))
    assert (await rig.check(timedelta(seconds=5))).phase is AttemptPhase.INITIALIZING


@simulated
async def test_another_execution_of_the_same_name_is_followed_from_nothing(rigs: Rigs):
    rig = rigs({"nightly": timedelta(seconds=1)})
    await rig.start(Waitable("nightly"))
    assert (await rig.check(timedelta(seconds=5))).phase is AttemptPhase.INITIALIZING
    rig.control_plane.begin("nightly", MINUTE)
    second = FakeTaskContext(rig.executor, rig.directory, setup=rig.setup)
    await second.start(rig.executor, TaskTemplate(), None, inputs_of(Waitable("nightly")))
    await rig.clock.sleep(5)
    assert (await second.check(rig.executor)).phase is AttemptPhase.QUEUED


@simulated
async def test_kill_ends_what_still_runs_and_nothing_else(rigs: Rigs):
    rig = rigs({"a": timedelta(seconds=1), "b": None, "c": None})
    await rig.start(Waitable("a"), Waitable("b"), Waitable("c", phase=ExecutionPhase.FAILED))
    await rig.check(timedelta(seconds=5))
    for _ in range(2):
        await rig.executor.kill_task(rig.context, "aborted")
    assert [thing.id for thing in rig.control_plane.things if thing.deleted_at] == ["b"]
    assert rig.launcher.calls == ["kill", "kill"]


@simulated
async def test_kill_without_a_state_ends_what_the_inputs_refer_to(rigs: Rigs):
    rig = rigs({"a": None})
    await rig.executor.initialize(rig.setup)
    rig.context.services.inputs = inputs_of(Waitable("a"), Waitable("never"))
    await rig.executor.kill_task(rig.context, "aborted")
    assert [thing.id for thing in rig.control_plane.things if thing.deleted_at] == ["a"]


@simulated
async def test_a_kill_that_fails_for_one_has_tried_all(rigs: Rigs):
    class Deaf(FakeControlPlane):
        async def terminate(self, execution, by, cause):
            if execution.name == "a":
                raise errors.UnavailableError("no route to the control plane")
            await super().terminate(execution, by, cause)

    rig = rigs(Deaf({"a": None, "b": None}))
    await rig.start(Waitable("a"), Waitable("b"))
    with pytest.raises(errors.UnavailableError, match="no route"):
        await rig.executor.kill_task(rig.context, "aborted")
    assert [thing.id for thing in rig.control_plane.things if thing.deleted_at] == ["b"]


@simulated
async def test_ten_thousand_cost_a_call_for_each_page_and_a_hundred_versions(rigs: Rigs):
    rig = rigs({f"r{number:05}": MINUTE for number in range(10_000)}, page_size=500)
    await rig.start(*(Waitable(f"r{number:05}") for number in range(10_000)))
    seen = await rig.check()
    assert (seen.phase, seen.details.phase_version) == (AttemptPhase.QUEUED, 50)
    assert len(rig.control_plane.calls) <= 2 * 20
    assert all(len(page) <= 500 for page in rig.control_plane.calls)
    assert len(seen.details.log_links) == 100
    assert seen.details.reason == "no end was seen of r00000, r00001, r00002 and 9997 more"
    assert (await rig.check(MINUTE)).phase is AttemptPhase.INITIALIZING


@simulated
async def test_a_control_plane_that_does_not_answer_is_waited_for_and_named(rigs: Rigs):
    class Moody(FakeControlPlane):
        error: Exception | None = None

        async def get_many(self, executions):
            if self.error is not None:
                raise self.error
            return await super().get_many(executions)

    rig = rigs(Moody({"a": MINUTE}))
    rig.control_plane.error = errors.UnavailableError("no route to it")
    await rig.start(Waitable("a"))
    status = await rig.check(10 * MINUTE)
    assert status.phase is AttemptPhase.QUEUED
    assert status.details.reason == (
        "no end was seen of a, and the control plane does not answer: no route to it"
    )
    rig.control_plane.error = None
    assert (await rig.check(MINUTE)).phase is AttemptPhase.INITIALIZING


@simulated
async def test_where_no_control_plane_is_known_the_task_fails_and_says_so(rigs: Rigs):
    rig = rigs({})
    executor = WaitableExecutor()
    setup = SetupContext(
        config=WaitableConfig(), clock=rig.clock, blobs=LocalBlobStore(), state_dir=rig.directory
    )
    await executor.initialize(setup)
    context = FakeTaskContext(executor, rig.directory, setup=setup)
    await context.start(executor, TaskTemplate(), None, inputs_of(Waitable("a")))
    await rig.clock.sleep(3)
    with pytest.raises(
        errors.UserError, match="refuses to say where executions stand: there is no control plane"
    ):
        await executor.check_task_status(context)
    await setup.caches.close()


@pytest.mark.parametrize(
    ("run", "sentence"),
    [
        ({"name": "a0"}, r"run refers to a0, the execution that would wait for it: it never ends"),
        ({"name": "a b"}, r"run refers to 'default:development:a b', which is no id of an execution"),
        ({"name": "a\tb"}, r"run refers to 'default:development:a\\tb', which is no id of an execution"),
        ({"name": "a\u2003b"}, "which is no id of an execution"),
        ({"name": "a", "project": "p\n"}, "which is no id of an execution"),
    ],
)
@simulated
async def test_a_reference_that_leads_nowhere_is_refused_with_its_place(
    rigs: Rigs, run: dict[str, str], sentence: str
):
    rig = rigs({})
    await rig.executor.initialize(rig.setup)
    run_id = identifiers.execution(**run)
    inputs = literals.literal_map({"run": waitables.to_literal(waitables.Waitable(wf_exec_id=run_id))})
    with pytest.raises(errors.UserError, match=sentence):
        await rig.context.start(rig.executor, TaskTemplate(), None, inputs)


@simulated
async def test_more_than_a_state_holds_are_refused(rigs: Rigs):
    runs = [Waitable(f"{'x' * 58}{number:05}") for number in range(5_000)]
    with pytest.raises(errors.UserError, match="refer to 5000 executions, more than one task can wait for"):
        await rigs({}).start(*runs)


@simulated
async def test_a_job_that_waits_for_a_slot_takes_no_phase_back(rigs: Rigs):
    rig = rigs({})
    rig.follow(
        JobStatus(),
        JobStatus(is_started=True),
        JobStatus(is_restarted=True),
        JobStatus(result=JobResult(outputs=b"")),
    )
    await rig.start()
    phases = [(await rig.check()).phase for _ in range(4)]
    assert phases == [
        AttemptPhase.INITIALIZING,
        AttemptPhase.RUNNING,
        AttemptPhase.RUNNING,
        AttemptPhase.SUCCEEDED,
    ]


@simulated
async def test_references_inside_dicts_of_json_count_too(rigs: Rigs):
    rig = rigs({"a": MINUTE})
    await rig.executor.initialize(rig.setup)
    inner = {"upstream": {"wfExecId": {"name": "a"}}, "n": 1}
    inputs = literals.literal_map({"x": types.to_literal(inner, dict, IN_PLACE)})
    assert (await rig.context.start(rig.executor, TaskTemplate(), None, inputs)).phase is AttemptPhase.QUEUED
    await rig.check(MINUTE + timedelta(seconds=3))
    await rig.check()
    launched = rig.launcher.launches[-1].inputs
    assert launched is not None
    value = types.to_python(launched.literals["x"], dict, IN_PLACE)
    ended = waitables.of_plain(value["upstream"])
    assert ended is not None
    assert waitables.has_ended(ended)
