from typing import Any, Generic, TypeVar, cast

import msgspec
import pytest

from elevon import errors
from elevon.idl.messages import TaskTemplate
from elevon.plugin import CONTRACT_VERSION, Executor, ExecutorProperties, LauncherExecutor, TaskStatus
from elevon.plugin.declarations import check_class, declared_types
from elevon.plugin.discovery import Problem
from elevon.plugin.registry import Registry
from elevon.tasktypes.sleep.sleep_pb2 import SleepJob

M = TypeVar("M")
T = TypeVar("T")


class Settings(msgspec.Struct, frozen=True):
    endpoint: str = "http://localhost"
    retry_count: int = 3


class Plain(Executor[M, T], Generic[M, T]):
    """Complete but for its names."""

    async def start_task(self, ctx, template, spec, inputs):
        return TaskStatus.running()

    async def check_task_status(self, ctx):
        return TaskStatus.running()

    async def kill_task(self, ctx, reason):
        pass


class Sketch(Plain[None, None]):
    id = "sketch"
    task_types = ("sketch",)


class Other(Sketch):
    id = "other"
    task_types = ("other", "another")
    config_type = Settings


class Nap(LauncherExecutor[SleepJob]):
    id = "nap"
    task_types = ("nap",)


def described(**attributes):
    """An executor class that differs from a good one by some attributes."""
    return type("Variant", (Sketch,), attributes)


class TestLookup:
    @pytest.fixture
    def registry(self):
        return Registry.of([Sketch(), Other()])

    def test_each_type_leads_to_its_executor(self, registry):
        assert registry.of_type("another").id == "other"
        assert registry.by_id("sketch").task_types == ("sketch",)
        assert registry.known_types == {"sketch", "other", "another"}
        assert [one.id for one in registry.registrations] == ["sketch", "other"]

    def test_an_unknown_type_is_nobodys_and_never_a_container(self, registry):
        assert registry.find("spark") is None
        with pytest.raises(errors.UserError, match=r"'spark'.*--tasktype"):
            registry.of_type("spark")

    def test_a_near_miss_is_pointed_out(self, registry):
        with pytest.raises(errors.UserError, match="did you mean 'sketch'"):
            registry.of_type("skecth")

    def test_an_unknown_id_is_not_found(self, registry):
        with pytest.raises(errors.NotFoundError, match="no executor 'sketsch': did you mean 'sketch'"):
            registry.by_id("sketsch")

    def test_a_default_executor_serves_what_nobody_registered_if_somebody_asked_for_it(self):
        registry = Registry.of([Sketch(), Other()], default_id="other")
        assert registry.of_type("spark").id == "other"
        assert registry.of_type("sketch").id == "sketch"
        assert "spark" not in registry.known_types

    def test_a_default_executor_must_be_there(self):
        with pytest.raises(errors.UserError, match="no executor 'gone'"):
            Registry.of([Sketch()], default_id="gone")


class TestConflicts:
    def test_two_executors_for_one_type_are_an_error_that_names_both(self):
        rival = described(id="rival", task_types=("mine", "sketch"))
        with pytest.raises(errors.UserError, match=r":Sketch and .*:Variant both .* type 'sketch'"):
            Registry.of([Sketch(), rival()])

    def test_two_executors_with_one_id_are_an_error_that_names_both(self):
        with pytest.raises(errors.UserError, match=r":Sketch and .*:Variant both have the id 'sketch'"):
            Registry.of([Sketch(), described(task_types=("mine",))()])


class TestConfiguration:
    def test_settings_become_the_declared_configuration(self):
        registry = Registry.of([Other()], configuration={"other": {"retry_count": "5"}})
        assert registry.by_id("other").config == Settings(retry_count=5)

    def test_without_settings_the_defaults_hold(self):
        assert Registry.of([Other()]).by_id("other").config == Settings()

    @pytest.mark.parametrize(
        ("configuration", "complaint"),
        [
            ({"other": {"retry_count": "many"}}, r"'other' is wrong: .*retry_count"),
            ({"other": {"retry_cuont": 1}}, "no setting 'retry_cuont': did you mean 'retry_count'"),
            ({"sketch": {"endpoint": "x"}}, "'sketch' takes no settings, and endpoint is"),
            ({"othre": {}}, "'othre', which is not there: did you mean 'other'"),
        ],
    )
    def test_a_wrong_setting_is_refused_by_name(self, configuration, complaint):
        with pytest.raises(errors.UserError, match=complaint):
            Registry.of([Sketch(), Other()], configuration=configuration)
        with pytest.raises(errors.UserError, match=r"^/home/ada/elevon.toml"):
            Registry.of([Sketch(), Other()], configuration=configuration, origin="/home/ada/elevon.toml")

    def test_settings_may_be_for_an_executor_of_a_broken_package(self):
        problem = Problem("spark", "its import raised OSError")
        registry = Registry.of([Sketch()], configuration={"spark": {"image": "x"}}, problems=[problem])
        assert registry.known_types == {"sketch"}


class TestDeclarations:
    @pytest.mark.parametrize(
        ("attributes", "complaint"),
        [
            ({"id": ""}, "has no id"),
            ({"task_types": ()}, r"has task_types=\(\)"),
            ({"task_types": "sketch"}, "has task_types='sketch'"),
            ({"task_types": ("sketch", 3)}, "has task_types="),
            ({"contract_version": CONTRACT_VERSION + 1}, "upgrade elevon"),
            ({"config_type": dict}, "has config_type="),
            (
                {"start_task": lambda self, ctx, template, inputs: None},
                r"can't be called: define it as start_task\(self, ctx, template, spec, inputs\)",
            ),
            ({"kill_task": lambda self, ctx: None}, r"define it as kill_task\(self, ctx, reason\)"),
            ({"properties": None}, "has properties=None"),
            (
                {"properties": ExecutorProperties(isolation=cast("Any", "proces"))},
                "'proces': use 'engine' or 'thread'",
            ),
            ({"properties": ExecutorProperties(max_concurrency=-1)}, "max_concurrency=-1"),
            (
                {"properties": ExecutorProperties(max_concurrency=2, uses_launcher=True)},
                "max_concurrency=2 and uses_launcher=True: leave one of them out",
            ),
            ({"properties": ExecutorProperties(generated_name_max_length=5)}, "generated_name_max_length=5"),
            (
                {"properties": ExecutorProperties(generates_types=cast("Any", "sketch"))},
                "has generates_types='sketch'",
            ),
        ],
    )
    def test_a_class_that_the_engine_cannot_honour_is_refused_by_name(self, attributes, complaint):
        with pytest.raises(errors.UserError, match=f":Variant .*{complaint}"):
            check_class(described(**attributes))

    def test_an_incomplete_class_is_refused_with_what_is_missing(self):
        class Unfinished(Executor[None, None]):
            id = "unfinished"
            task_types = ("unfinished",)

            async def start_task(self, ctx, template, spec, inputs):
                return TaskStatus.running()

        with pytest.raises(errors.UserError, match="incomplete: implement check_task_status, kill_task"):
            check_class(Unfinished)

    @pytest.mark.parametrize("found", [Sketch(), dict, "module:Class"])
    def test_only_a_class_of_executors_is_one(self, found):
        with pytest.raises(errors.UserError, match="is no executor"):
            check_class(found)

    def test_types_are_found_through_every_way_to_inherit_them(self):
        class Direct(Executor[SleepJob, Settings]): ...

        class Inherited(Direct): ...

        class Swapped(Executor[T, M], Generic[M, T]): ...

        class Filled(Swapped[Settings, SleepJob]): ...

        class Mixed(Executor[SleepJob, Settings], Generic[M]): ...

        for executor in (Direct, Inherited, Filled, Mixed):
            assert declared_types(executor) == declared_types(Direct), executor
        assert declared_types(Direct).message is SleepJob
        assert declared_types(Direct).state is Settings
        assert declared_types(Nap).message is SleepJob
        assert declared_types(Sketch).message is None
        assert declared_types(Sketch).state is type(None)

    def test_a_type_of_which_a_class_fills_in_a_part_is_found_whole(self):
        class Wrapped(Executor[M, list[T]], Generic[M, T]): ...

        class Filled(Wrapped[SleepJob, Settings]): ...

        class HalfFilled(Wrapped[SleepJob, T], Generic[T]): ...

        assert declared_types(Filled).state == list[Settings]
        with pytest.raises(errors.UserError, match="names no message and state"):
            declared_types(HalfFilled)

    def test_a_class_without_types_is_refused(self):
        class Bare(Executor): ...

        with pytest.raises(errors.UserError, match="names no message and state"):
            declared_types(Bare)

    def test_a_message_that_is_not_protobuf_is_refused(self):
        class Plain(Executor[Settings, None]): ...

        with pytest.raises(errors.UserError, match="name a protobuf class"):
            declared_types(Plain)

    @pytest.mark.parametrize("state_type", [Settings | ExecutorProperties, complex, list[object]])
    def test_a_state_that_json_cannot_hold_is_refused_before_there_is_one(self, state_type):
        class Ambiguous(Plain[None, state_type]):
            id = "ambiguous"
            task_types = ("ambiguous",)

        with pytest.raises(errors.UserError, match=r"Ambiguous: JSON can't hold a custom state of") as caught:
            Registry.of([Ambiguous()])
        assert "\n" not in str(caught.value)


class TestSpec:
    def test_the_message_is_decoded_from_the_template(self):
        template = TaskTemplate()
        template.custom.update({"duration": "90s"})
        spec = Registry.of([Nap()]).of_type("nap").implementation.decode_spec(template)
        assert isinstance(spec, SleepJob)
        assert spec.duration.seconds == 90

    def test_a_wrong_field_is_the_users_error_and_is_named(self):
        template = TaskTemplate()
        template.custom.update({"duration": {"much": True}})
        with pytest.raises(errors.UserError, match="duration"):
            Registry.of([Nap()]).of_type("nap").implementation.decode_spec(template)

    def test_a_type_without_a_message_has_no_spec(self):
        template = TaskTemplate()
        template.custom.update({"anything": 1})
        assert Registry.of([Sketch()]).of_type("sketch").implementation.decode_spec(template) is None


def test_the_codec_knows_version_migration_and_limit():
    class Versioned(Plain[None, Settings]):
        id = "versioned"
        task_types = ("versioned",)
        state_version = 2

        def migrate(self, old_version, raw):
            return {"endpoint": raw}

    codec = Registry.of([Versioned()], state_limit_bytes=60).by_id("versioned").implementation.codec
    assert codec.decode(b'"http://old"', 1) == Settings(endpoint="http://old")
    with pytest.raises(errors.CorruptStateError, match="limit of 60"):
        codec.encode(Settings(endpoint="x" * 60))


def test_finalize_is_called_only_where_it_does_something():
    class Tidy(Plain[None, None]):
        id = "tidy"
        task_types = ("tidy",)

        async def finalize_task(self, ctx):
            pass

    registry = Registry.of([Tidy(), Sketch()])
    assert registry.by_id("tidy").has_finalizer
    assert not registry.by_id("sketch").has_finalizer
