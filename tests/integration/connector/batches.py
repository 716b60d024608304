"""Workflows of tasks that connectors run; also a file for `elevon run`."""

from elevon import Task, workflow

batch: Task[..., str] = Task("batch", task_type="batch", inputs={"word": str}, outputs={"o0": str})
shout: Task[..., str] = Task("shout", task_type="shout", inputs={"word": str}, outputs={"o0": str})


@workflow
def one(word: str = "go") -> str:
    return batch(word=word)


@workflow
def stubborn(word: str = "go") -> str:
    return batch.with_overrides(retries=1)(word=word)


@workflow
def loud(word: str = "go") -> str:
    return shout(word=word)
