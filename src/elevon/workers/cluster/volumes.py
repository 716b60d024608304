"""What the volumes of a pod are on one machine: an empty folder, or secrets as files.

It owns how a volume is read, and what is refused because it can't be had here. What a Secret holds altogether can't be
told here, because the places where secrets are kept are asked for one by its name: a volume must name the keys.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any, Final, cast

import msgspec

from elevon.workers.cluster.secrets import SecretRef

NAME: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?")
"""What can be the name of a folder: of pods, containers and volumes."""
_EMPTY: Final = "emptyDir"
_SECRET: Final = "secret"  # noqa: S105 - a field of Kubernetes
_PROJECTED: Final = "projected"
_MODE: Final = 0o600
_MODES: Final = 0o777


class SecretItem(msgspec.Struct, frozen=True, kw_only=True):
    """A value that a volume has as a file.

    Attributes:
        ref: Which value.
        path: Of the file, in the volume.
        mode: Who may read it.
        is_optional: Whether the pod does without it if there is none.
    """

    ref: SecretRef
    path: str
    mode: int
    is_optional: bool


class _Item(msgspec.Struct, frozen=True):
    key: str
    path: str
    mode: int | None = None


class _Source(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A Secret, as a volume names it (`secretName`), or a source of a projected one (`name`)."""

    secret_name: str = ""
    name: str = ""
    items: list[_Item] = []
    optional: bool = False
    default_mode: int | None = None


def problems(volume: Mapping[str, Any]) -> Iterator[str]:
    """What keeps a volume from being had here, each as a clause."""
    name = volume.get("name")
    if not (isinstance(name, str) and NAME.fullmatch(name)):
        yield f"volume {name!r} has no name that can be used: letters, digits, '-', '_' and '.'"
    fields = [field for field in volume if field != "name"]
    kinds = [field for source in _sources(volume) for field in source] if fields == [_PROJECTED] else fields
    if (fields == [_PROJECTED] and set(kinds) == {_SECRET}) or fields == [_SECRET]:
        yield from _problems_of_secrets(volume)
    elif fields != [_EMPTY]:
        named = ", ".join(kinds or fields) or "nothing"
        yield (
            f"volume {name!r} is {named}, and a local cluster has emptyDir, secret, and projected with secrets alone: "
            "use one of them"
        )


def secret_items(volume: Mapping[str, Any]) -> list[SecretItem]:
    """The files of a volume without problems; none for one that is no volume of secrets."""
    mode = cast("Mapping[str, Any]", volume.get(_PROJECTED, {})).get("defaultMode")
    return [
        SecretItem(
            ref=SecretRef(given.secret_name or given.name, item.key),
            path=item.path,
            mode=_first(item.mode, given.default_mode, mode) & _MODES,
            is_optional=given.optional,
        )
        for given in _secrets(volume)
        for item in given.items
    ]


def _problems_of_secrets(volume: Mapping[str, Any]) -> Iterator[str]:
    name = volume.get("name")
    try:
        given = _secrets(volume)
    except msgspec.ValidationError as error:
        yield f"volume {name!r} is no volume of secrets: {error}"
        return
    for one in given:
        if not (one.secret_name or one.name):
            yield f"volume {name!r} names no Secret: set secretName, or name for a source of a projected volume"
        if not one.items:
            yield (
                f"volume {name!r} has all that the Secret {one.secret_name or one.name!r} holds, and a local cluster "
                "can't tell what that is: name the keys, as items with key and path"
            )
        for item in one.items:
            path = PurePosixPath(item.path)
            if not path.parts or path.is_absolute() or ".." in path.parts:
                yield f"volume {name!r} has the path {item.path!r}, which is none in a volume: leave out '/' and '..'"


def _secrets(volume: Mapping[str, Any]) -> list[_Source]:
    raws = [volume[_SECRET]] if _SECRET in volume else [source.get(_SECRET) for source in _sources(volume)]
    return msgspec.convert(raws, list[_Source])


def _sources(volume: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    projected = volume.get(_PROJECTED)
    sources: object = (
        cast("Mapping[str, Any]", projected).get("sources") if isinstance(projected, Mapping) else None
    )
    given = cast("list[object]", sources) if isinstance(sources, list) else []
    return [cast("Mapping[str, Any]", one) for one in given if isinstance(one, Mapping)]


def _first(*modes: int | None) -> int:
    return next((mode for mode in modes if mode is not None), _MODE)
