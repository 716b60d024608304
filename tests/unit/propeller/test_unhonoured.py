"""A setting that has no effect on one machine is warned about, never passed over."""

from elevon import compiler
from elevon.idl.messages import Resources
from elevon.propeller import unhonoured
from tests.unit.compiler import specimens
from tests.unit.compiler.specimens import node, task, workflow


def test_each_task_is_named_once_with_all_that_it_does_not_get() -> None:
    template = task("t")
    template.metadata.interruptible = True
    template.container.image = "special:1"
    template.container.resources.requests.add(name=Resources.GPU, value="1")
    template.container.resources.limits.add(name=Resources.GPU, value="1")
    made = specimens.templates(workflow(node("n0", "t"), node("n1", "t")), tasks=[template])
    assert unhonoured.warnings_of(compiler.index(compiler.compile(made))) == [
        "task t: interruptible, the image special:1, gpu has no effect, because tasks run as processes of this machine"
    ]


def test_who_named_no_image_hears_nothing_of_the_default_whatever_the_command_is() -> None:
    template = task("t")
    template.container.args.extend(["wc", "-w"])
    template.container.image = "elevon:py3.11"
    made = specimens.templates(workflow(node("n0", "t")), tasks=[template])
    assert unhonoured.warnings_of(compiler.index(compiler.compile(made))) == []


def test_a_task_that_gets_all_it_asks_for_is_not_mentioned() -> None:
    template = task("t")
    template.container.args.append("elevon-execute")
    template.container.image = "elevon:py3.11"
    template.container.resources.requests.add(name=Resources.CPU, value="2")
    made = specimens.templates(workflow(node("n0", "t")), tasks=[template])
    assert unhonoured.warnings_of(compiler.index(compiler.compile(made))) == []
