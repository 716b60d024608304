"""What a task asks of the machine it runs on, checked when it is written down.

It exists so that `mem="1GB"` fails where it is written and not on a cluster. It must
never know how resources are granted: that is the launcher's matter.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from elevon import errors
from elevon.idl import messages
from elevon.primitives import quantities

_NAMES = {
    "cpu": messages.Resources.CPU,
    "mem": messages.Resources.MEMORY,
    "gpu": messages.Resources.GPU,
    "ephemeral_storage": messages.Resources.EPHEMERAL_STORAGE,
}


@dataclass(frozen=True, slots=True)
class Resources:
    """An amount of each resource, as Kubernetes quantities; None leaves one unsaid.

    Attributes:
        cpu: Cores: `2`, `0.5` or `"500m"`.
        mem: Bytes: `"1Gi"`, `"512M"`.
        gpu: Devices.
        ephemeral_storage: Bytes of local disk.

    Raises:
        UserError: A value is no quantity.
    """

    cpu: str | float | None = None
    mem: str | int | None = None
    gpu: str | int | None = None
    ephemeral_storage: str | int | None = None

    def __post_init__(self) -> None:
        for name, value in self.items():
            try:
                quantities.parse(value)
            except errors.UserError as error:
                raise errors.UserError(f"Resources({name}={value!r}): {error}") from None

    def items(self) -> Iterator[tuple[str, str]]:
        """The resources that are said, by name, as quantities."""
        for name in _NAMES:
            value: object = getattr(self, name)
            if value is not None:
                yield name, str(value)


def check_limits(requests: Resources, limits: Resources) -> None:
    """Refuse a limit below its request, which no scheduler can grant.

    Raises:
        UserError: A request exceeds its limit.
    """
    ceilings = dict(limits.items())
    for name, value in requests.items():
        if name in ceilings and quantities.parse(value) > quantities.parse(ceilings[name]):
            raise errors.UserError(
                f"requests.{name}={value} exceeds limits.{name}={ceilings[name]}: raise the limit"
            )


def to_message(requests: Resources, limits: Resources) -> messages.Resources:
    """Both, as the wire carries them."""

    def entries(resources: Resources) -> list[messages.Resources.ResourceEntry]:
        return [
            messages.Resources.ResourceEntry(name=_NAMES[name], value=value)
            for name, value in resources.items()
        ]

    return messages.Resources(requests=entries(requests), limits=entries(limits))
