"""What a function must be to become a task or a workflow, and what is said when it is not."""

import functools
import inspect
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from elevon import NonRecoverable, Resources, Task, UserError, task, workflow

if TYPE_CHECKING:
    from decimal import Decimal


def refused(function: Any, *words: str, kind: Any = task) -> None:
    with pytest.raises(UserError) as caught:
        kind(function)
    text = str(caught.value)
    assert function.__name__ in text
    assert f"{__file__}:{inspect.unwrap(function).__code__.co_firstlineno}" in text
    for word in words:
        assert word in text


def traced(function: Any) -> Any:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


def test_a_decorated_function_is_known_by_what_it_wraps() -> None:
    @traced
    def shout(x: int):
        print(x)

    @traced
    def half(x) -> float: ...

    made = task(shout)
    assert list(made.interface.inputs) == ["x"]
    assert made.site.line == inspect.unwrap(shout).__code__.co_firstlineno
    refused(half, "'x'")


def test_a_parameter_needs_an_annotation() -> None:
    def scale(x: int, factor): ...

    refused(scale, "'factor'", "factor: TYPE")
    refused(scale, "workflow ", kind=workflow)


NO_PROCESS: Any = [
    {"requests": Resources(cpu=2)},
    {"limits": Resources(mem="1Gi")},
    {"environment": {"A": "b"}},
    {"container_image": "alpine:3"},
]


@pytest.mark.parametrize("given", NO_PROCESS)
def test_a_task_without_a_process_takes_no_setting_of_one(given: Any) -> None:
    (name,) = given
    with pytest.raises(UserError, match=rf"task \S+\.nap .*: {name}=.* has no effect, .*: leave it out"):
        Task("nap", task_type="nap", **given)


@pytest.mark.parametrize("given", [one for one in NO_PROCESS if "environment" not in one])
def test_a_call_of_a_task_without_a_process_takes_no_setting_of_one(given: Any) -> None:
    nap = Task("nap", task_type="nap", retries=2)
    (name,) = given
    with pytest.raises(UserError, match=rf"task \S+\.nap .*: {name}=.* has no effect, .*: leave it out"):
        nap.with_overrides(**given)
    nap.with_overrides(retries=3, timeout=timedelta(1))


def test_stars_are_refused() -> None:
    def many(*values: int) -> None: ...
    def named(**values: int) -> None: ...

    refused(many, "*values", "spell the parameters out")
    refused(named, "**values")


def test_positional_only_parameters_are_refused() -> None:
    def half(x: int, /) -> None: ...

    refused(half, "'x'", "remove the '/'")


def test_a_value_without_a_return_annotation_is_refused() -> None:
    def double(x: int):
        return 2 * x

    refused(double, "-> TYPE")


def test_no_return_annotation_is_fine_for_a_function_that_returns_nothing() -> None:
    @task
    def shout(x: int):
        if x:
            return
        print(x)

    assert shout.interface.outputs == {}


def test_an_unsupported_type_is_named_with_its_parameter() -> None:
    def many(x: tuple[int, ...]) -> None: ...

    refused(many, "parameter 'x'")


def test_a_tuple_of_any_length_is_no_result() -> None:
    def many() -> tuple[int, ...]: ...

    refused(many, "no fixed number", "use a list")


def test_an_annotation_that_only_the_type_checker_sees_is_refused() -> None:
    def price(x: "Decimal") -> None: ...

    refused(price, "'Decimal'", "TYPE_CHECKING")


def test_lambdas_generators_and_async_functions_are_refused() -> None:
    def stream() -> Iterator[int]:
        yield 1

    async def later() -> int:
        return 1

    refused(stream, "generator", "return a list")
    refused(later, "async")
    with pytest.raises(UserError, match="lambda has no name"):
        task(lambda: 1)


def test_what_is_no_function_is_refused() -> None:
    with pytest.raises(UserError, match="@task takes a function"):
        task(len)
    with pytest.raises(UserError, match="@workflow takes a function"):
        workflow(3)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"retry": 3}, "there is no setting 'retry': did you mean 'retries'?"),
        ({"retries": -1}, "retries=-1 is no count"),
        ({"retries": True}, "retries=True is no count"),
        ({"timeout": 3}, "timeout=3 is no span of time: use a positive datetime.timedelta"),
        ({"queue_timeout": timedelta(0)}, "queue_timeout=.* is no span"),
        ({"requests": {"cpu": 1}}, "use elevon.Resources"),
        ({"environment": {"A": 1}}, r"environment\['A'\]=1 is no variable"),
        ({"environment": {"A=B": "x"}}, r"environment\['A=B'\]='x' is no variable"),
        ({"interruptible": "yes"}, "neither True nor False"),
        ({"container_image": ""}, "not empty"),
        ({"cache": True}, "cache=True is not supported yet"),
        (
            {"requests": Resources(cpu=2), "limits": Resources(cpu="500m")},
            "requests.cpu=2 exceeds limits.cpu=500m",
        ),
    ],
)
def test_a_wrong_setting_is_refused_with_its_mend(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=f"task .*fit .*{words}"):

        @task(**options)
        def fit(x: int) -> int:
            return x


def test_an_unknown_workflow_setting_is_refused() -> None:
    with pytest.raises(UserError, match="there is no setting 'on_fail': did you mean 'on_failure'"):

        @workflow(on_fail=1)  # pyright: ignore[reportCallIssue]
        def flow() -> None: ...


def test_a_wrong_failure_policy_is_refused() -> None:
    with pytest.raises(UserError, match="on_failure='stop' is no policy"):

        @workflow(on_failure="stop")  # pyright: ignore[reportArgumentType]
        def flow() -> None: ...


def test_settings_go_by_name() -> None:
    with pytest.raises(UserError, match=r"takes settings by name, not \['fit'\]"):
        task("fit")  # pyright: ignore[reportArgumentType]


def test_a_function_and_settings_can_be_given_at_once() -> None:
    def fit(x: int) -> int:
        return x

    assert task(fit, retries=2).settings.retries == 2  # pyright: ignore[reportCallIssue]
    assert workflow(fit, interruptible=True).interruptible is True  # pyright: ignore[reportCallIssue]
    assert task()(fit).settings.retries == 0


def test_non_recoverable_is_an_error_of_the_users() -> None:
    assert issubclass(NonRecoverable, UserError)


@pytest.mark.parametrize("value", ["1GB", "", "-1", "1 Gi", "1.2.3", "Gi", "0x3"])
def test_a_wrong_quantity_is_refused(value: str) -> None:
    with pytest.raises(UserError, match=r"Resources\(mem=.*is no quantity"):
        Resources(mem=value)


@pytest.mark.parametrize("value", ["1", "1.5Gi", "500m", "1e3", "2E", "3Ei", ".5", "12E2"])
def test_kubernetes_quantities_are_taken(value: str) -> None:
    assert dict(Resources(mem=value).items()) == {"mem": value}
