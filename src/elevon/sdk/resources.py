"""What a task asks of the machine it runs on, checked when it is written down.

It owns the Kubernetes quantity syntax, so that `mem="1GB"` fails in the user's editor and not on a cluster. It must
never know how resources are granted: that is the launcher's matter.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from elevon import errors
from elevon.idl import messages

_QUANTITY = re.compile(r"(?P<number>\d+(?:\.\d*)?|\.\d+)(?P<suffix>[KMGTPE]i|[numkMGTPE]|[eE][+-]?\d+)?")
_FACTORS = {
    "n": 1e-9,
    "u": 1e-6,
    "m": 1e-3,
    "k": 1e3,
    **{letter: 1e3**power for power, letter in enumerate("MGTPE", start=2)},
    **{f"{letter}i": 1024.0**power for power, letter in enumerate("KMGTPE", start=1)},
}
_NAMES = {
    "cpu": messages.Resources.CPU,
    "mem": messages.Resources.MEMORY,
    "gpu": messages.Resources.GPU,
    "ephemeral_storage": messages.Resources.EPHEMERAL_STORAGE,
}


def quantity(text: str) -> float:
    """The number that a Kubernetes quantity such as `500m` or `1.5Gi` stands for, in cores, bytes or devices.

    Raises:
        UserError: It is no quantity.
    """
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise errors.UserError(
            f"{text!r} is no quantity: write it as Kubernetes does, like '2', '500m' or '1.5Gi'"
        )
    suffix = match["suffix"] or ""
    if suffix[:1] in ("e", "E") and len(suffix) > 1 and suffix != "Ei":
        return float(match["number"] + suffix)
    return float(match["number"]) * _FACTORS.get(suffix, 1.0)


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
                quantity(value)
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
        if name in ceilings and quantity(value) > quantity(ceilings[name]):
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
