"""The author's side of `container`: a command in an image, with typed inputs and outputs."""

from collections.abc import Sequence
from typing import Any, Unpack

from elevon.idl import messages
from elevon.sdk import tasks


class ContainerTask(tasks.Task[..., Any]):
    """Runs a command that knows nothing of elevon.

    `count = ContainerTask("count", "alpine:3", ["wc", "-l", "{{.inputs.path}}"], inputs={"path": str})`.
    """

    task_type = "container"

    def __init__(
        self,
        name: str,
        image: str,
        command: Sequence[str],
        args: Sequence[str] = (),
        **declaration: Unpack[tasks.TaskDeclaration],
    ) -> None:
        """Declare a command.

        Args:
            name: Its name in the module that declares it.
            image: The image that it runs in, where it runs in a container.
            command: The program and its first arguments; `{{.inputs.NAME}}`, `{{.input}}`, `{{.outputPrefix}}` and
                `{{.rawOutputDataPrefix}}` are replaced.
            args: Further arguments, with the same placeholders.
            **declaration: Inputs, outputs, and the settings of any task.

        Raises:
            UserError: There is no command, or it is one string.
        """
        super().__init__(name, **{**declaration, "container_image": image})
        self.command = _words(self, "command", command)
        self.args = _words(self, "args", args)
        if not self.command:
            raise self.site.error("command is empty: name the program to run")

    def container(self) -> messages.Container:
        """The command."""
        return messages.Container(command=self.command, args=self.args)


def _words(task: ContainerTask, name: str, given: Any) -> tuple[str, ...]:
    if isinstance(given, str) or not all(isinstance(word, str) for word in given):
        raise task.site.error(f"{name}={given!r} is no list of words: write it as a list of strings")
    return tuple(given)
