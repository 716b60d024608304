"""What a pod's manifest means on one machine.

There are no images and no mounts here: a container is its command, or what is said to stand for its image, with the
programs of this machine, and where the manifest speaks of a path at which a volume is mounted, the folder that stands
for it is put in. This module owns that, and what is refused because it can't be had. It must never start anything.

What has no meaning here and does no harm is passed over: images and their pull policy, requests, CPU limits, probes,
ports, service accounts, security contexts, node selectors, affinities and tolerations.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, TypeAlias, cast

import msgspec

from elevon import errors
from elevon.primitives import quantities, secret_names
from elevon.records.resources import Manifest, ResourceKind, key_of, kind_of, uid_of
from elevon.workers import captures
from elevon.workers.cluster import secrets, volumes
from elevon.workers.cluster.secrets import Handout, SecretFile, SecretRef

POD: Final = ResourceKind("v1", "Pod")
_REFERENCE: Final = re.compile(r"\$\$|\$\((?P<name>[A-Za-z_.-][A-Za-z0-9_.-]*)\)")
_FIELDS: Final = ("name", "namespace", "uid")
_GOING_ON: Final = "Always"
_NOT_OF_CONTAINERS: Final = ("envFrom", "lifecycle", "volumeDevices", "stdin", "tty")
_CONTAINERS: Final = ("initContainers", "containers")
_NOT_OF_PODS: Final = ("ephemeralContainers", "resourceClaims")


Images: TypeAlias = Mapping[str, Sequence[str]]
"""The command of each image that is known: what stands for its entry point on this machine."""


class ContainerPlan(msgspec.Struct, frozen=True, kw_only=True):
    """One container, as it is started here.

    Attributes:
        name: Of the container.
        image: As the manifest says; not used.
        args: Program and arguments.
        environment: Variables on top of those of every task.
        cwd: Working directory.
        message_path: Where it may leave what it has to say at its end.
        shows_output: Whether the end of its output stands in for a message that a failed container did not leave.
        memory_bytes: Limit on resident memory; 0 for none.
        goes_on: Whether it is an init container that the others do not wait for, that is started again whenever it
            ends, and that ends with the last of them.
        problem: Why it can't be started here; empty if nothing is known to be in the way.
        lacks: Why it is not started, because of a secret that it needs; empty if it has what it needs.
        streams: Which of its captured streams show why it failed: the first that holds anything.
        noise: What lines of them begin with that say nothing about its end, as a pattern; empty for none.
    """

    name: str
    image: str
    args: tuple[str, ...]
    environment: Mapping[str, str]
    cwd: Path
    message_path: Path
    shows_output: bool
    memory_bytes: int
    goes_on: bool = False
    problem: str = ""
    lacks: str = ""
    streams: tuple[str, ...] = (captures.STDERR, captures.STDOUT)
    noise: str = ""


class PodPlan(msgspec.Struct, frozen=True, kw_only=True):
    """A pod, as it is run here.

    Attributes:
        inits: What runs first, one after another.
        containers: What runs then, all at once.
        folders: To be made before: volumes and working directories.
        asked: The secrets that it can be given.
        secret_files: Those that volumes have as files, to be written before.
        grace_s: How long its containers may take to end when they are asked to.
        deadline_s: After so many seconds it has failed; None for never.
        shown: What its status says besides, from the beginning.
    """

    inits: tuple[ContainerPlan, ...]
    containers: tuple[ContainerPlan, ...]
    folders: tuple[Path, ...]
    asked: frozenset[SecretRef] = frozenset()
    secret_files: tuple[SecretFile, ...] = ()
    grace_s: float
    deadline_s: float | None
    shown: Mapping[str, Any] = {}


class _Spelled(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A part of a manifest, in the spelling of Kubernetes."""


class _Variable(_Spelled, frozen=True, kw_only=True):
    name: str
    value: str = ""
    value_from: dict[str, Any] | None = None


class _Mount(_Spelled, frozen=True, kw_only=True):
    name: str
    mount_path: str
    sub_path: str = ""


class _Resources(_Spelled, frozen=True, kw_only=True):
    limits: dict[str, str | int | float] = {}


class _Container(_Spelled, frozen=True, kw_only=True):
    name: str
    image: str = ""
    command: list[str] = []
    args: list[str] = []
    env: list[_Variable] = []
    working_dir: str = ""
    volume_mounts: list[_Mount] = []
    resources: _Resources = _Resources()
    restart_policy: str = ""
    termination_message_path: str = "/dev/termination-log"
    termination_message_policy: str = "File"


class _Pod(_Spelled, frozen=True, kw_only=True):
    containers: Annotated[list[_Container], msgspec.Meta(min_length=1)]
    init_containers: list[_Container] = []
    volumes: list[dict[str, Any]] = []
    restart_policy: str = "Always"
    active_deadline_seconds: float | None = None
    termination_grace_period_seconds: float = 30.0


def plan(pod: Manifest, folder: Path, handed: Handout = secrets.NOTHING) -> PodPlan:
    """How a pod is run whose files are in a folder.

    Args:
        pod: The pod.
        folder: Of its files.
        handed: The secrets that it is given; without them the plan says no more than for which it asks.

    Raises:
        UserError: It asks for what can't be had here; names the field.
    """
    for problem in _problems(pod):
        raise errors.UserError(f"{key_of(pod)}: {problem}")
    spec = _spec_of(pod)
    reader = _Reader(pod, folder, handed)
    for volume in spec.volumes:
        reader.volume(volume)
    inits = tuple(reader.container(one) for one in spec.init_containers)
    containers = tuple(reader.container(one) for one in spec.containers)
    return PodPlan(
        inits=inits,
        containers=containers,
        folders=tuple(reader.folders),
        asked=frozenset(reader.asked),
        secret_files=tuple(reader.secret_files),
        grace_s=spec.termination_grace_period_seconds,
        deadline_s=spec.active_deadline_seconds,
    )


def furnished(pod: Manifest, images: Images) -> Manifest:
    """The pod with the commands that its images would bring, as far as they are known and the containers have none."""
    if kind_of(pod) != POD or not images:
        return pod
    spec = dict(pod.get("spec", {}))
    for field in _CONTAINERS:
        if isinstance(spec.get(field), list):
            spec[field] = [_with_command(one, images) for one in spec[field]]
    return {**pod, "spec": spec}


def _with_command(container: Any, images: Images) -> Any:
    if not isinstance(container, Mapping):
        return container
    given = cast("Mapping[str, Any]", container)
    command = images.get(given.get("image", ""))
    return given if command is None or given.get("command") else {**given, "command": list(command)}


def _spec_of(pod: Manifest) -> _Pod:
    try:
        return msgspec.convert(pod.get("spec", {}), _Pod)
    except msgspec.ValidationError as error:
        raise errors.UserError(f"{key_of(pod)}: the spec is no pod's: {error}") from error


def _problems(pod: Manifest) -> Iterator[str]:
    """What keeps a manifest from being run here, each as a clause."""
    key = key_of(pod)
    if not (volumes.NAME.fullmatch(key.name) and volumes.NAME.fullmatch(key.namespace)):
        yield "it has no name or namespace that can be used: letters, digits, '-', '_' and '.'"
    spec = _spec_of(pod)
    if spec.restart_policy != "Never":
        yield f"spec.restartPolicy is {spec.restart_policy}, and a local cluster restarts nothing: set it to Never"
    yield from _refused(pod["spec"], _NOT_OF_PODS, "spec")
    for volume in spec.volumes:
        yield from volumes.problems(volume)
    containers = [*spec.init_containers, *spec.containers]
    raws: list[dict[str, Any]] = [*pod["spec"].get("initContainers", ()), *pod["spec"]["containers"]]
    for container, raw in zip(containers, raws, strict=True):
        yield from _refused(raw, _NOT_OF_CONTAINERS, f"container {container.name}")
        allowed = ("", _GOING_ON) if container in spec.init_containers else ("",)
        if container.restart_policy not in allowed:
            yield (
                f"container {container.name} has the restartPolicy {container.restart_policy}, and init containers "
                f"alone have one, which is {_GOING_ON}: leave it out"
            )
        yield from _problems_of_container(container, {volume["name"] for volume in spec.volumes})
    if len({one.name for one in containers}) < len(containers):
        yield "two of its containers have the same name: give each a name of its own"


def _refused(given: Mapping[str, Any], fields: tuple[str, ...], place: str) -> Iterator[str]:
    for field in fields:
        if given.get(field):
            yield f"{field} of {place} can't be had on a local cluster: leave it out"


def _problems_of_container(container: _Container, volume_names: set[str]) -> Iterator[str]:
    place = f"container {container.name}"
    if not volumes.NAME.fullmatch(container.name):
        yield f"{place!r} has no name that can be used: letters, digits, '-', '_' and '.'"
    for mount in container.volume_mounts:
        if mount.name not in volume_names:
            yield f"{place} mounts the volume {mount.name!r}, which spec.volumes does not have: add it"
        if ".." in Path(mount.sub_path).parts:
            yield f"{place} mounts the subPath {mount.sub_path!r}, which leaves its volume: leave out '..'"
    for text in (*container.command, *container.args, *(variable.value for variable in container.env)):
        if "\0" in text:
            yield f"{place} is given the text {text!r}, and no process can be given a NUL: leave it out"
    for variable in container.env:
        if not variable.name or set("=\0") & set(variable.name):
            yield f"{place} has a variable named {variable.name!r}, which none can be: name it without '='"
        source = variable.value_from
        if source is not None and _field_of(source) is None and _secret_of(source) is None:
            known = ", ".join(f"metadata.{field}" for field in _FIELDS)
            yield (
                f"{place} takes the variable {variable.name} from {source}, and a local cluster knows secretKeyRef "
                f"with name and key, and fieldRef with {known} alone: use one of them, or give its value"
            )


def _secret_of(source: Mapping[str, Any]) -> SecretRef | None:
    reference = source.get("secretKeyRef")
    if not isinstance(reference, Mapping):
        return None
    given = cast("Manifest", reference)
    name, key = given.get("name"), given.get("key")
    return SecretRef(name, key) if name and isinstance(name, str) and key and isinstance(key, str) else None


def _field_of(source: Mapping[str, Any]) -> str | None:
    reference = source.get("fieldRef")
    path = str(cast("Manifest", reference).get("fieldPath", "")) if isinstance(reference, Mapping) else ""
    room, _, field = path.partition(".")
    return field if room == "metadata" and field in _FIELDS else None


class _Reader:
    """Reads the volumes of one pod, and then its containers.

    Attributes:
        folders: To be made before they start.
        asked: The secrets that are read of.
        secret_files: To be written before they start.
    """

    def __init__(self, pod: Manifest, folder: Path, handed: Handout) -> None:
        self._metadata: Mapping[str, Any] = pod["metadata"]
        self._folder = folder
        self._handed = handed
        self._secrets_folder = secrets.folder_of(uid_of(pod), folder)
        self._volumes: dict[str, Path] = {}
        self._lacking: list[str] = []
        self.folders: list[Path] = []
        self.asked: set[SecretRef] = set()
        self.secret_files: list[SecretFile] = []

    def volume(self, given: Mapping[str, Any]) -> None:
        """One volume; without a secret that it needs none of the containers is started, as on Kubernetes."""
        name = given["name"]
        items = volumes.secret_items(given)
        if not items:
            self._volumes[name] = self._folder / "volumes" / name
            self.folders.append(self._volumes[name])
        else:
            self._volumes[name] = self._secrets_folder / name
        for item in items:
            value = self._secret(item.ref, item.is_optional, self._lacking)
            if value is not None:
                self.secret_files.append(SecretFile(self._volumes[name] / item.path, value, item.mode))

    def container(self, spec: _Container) -> ContainerPlan:
        """One container, with every path where it is on this machine."""
        home = self._folder / "containers" / spec.name
        work = home / "work"
        message_path = home / "termination-log"
        paths = {spec.termination_message_path: str(message_path)}
        for mount in spec.volume_mounts:
            target = self._volumes[mount.name] / mount.sub_path.lstrip("/")
            if not target.is_relative_to(self._secrets_folder):
                self.folders.append(target)
            paths[mount.mount_path] = str(target)
        localized = _Paths(paths)
        lacking = list(self._lacking)
        environment = {"HOSTNAME": self._metadata["name"]}
        for variable in spec.env:
            value = self._value(variable, environment, localized, lacking)
            if value is not None:
                environment[variable.name] = value
        cwd = Path(localized.put_into(spec.working_dir)) if spec.working_dir else work
        if cwd.is_relative_to(self._folder):
            self.folders.append(cwd)
        args = [localized.put_into(_expanded(arg, environment)) for arg in (*spec.command, *spec.args)]
        limit = spec.resources.limits.get("memory")
        return ContainerPlan(
            name=spec.name,
            image=spec.image,
            args=tuple(args),
            environment=environment,
            cwd=cwd,
            message_path=message_path,
            goes_on=spec.restart_policy == _GOING_ON,
            shows_output=spec.termination_message_policy == "FallbackToLogsOnError",
            memory_bytes=0 if limit is None else int(quantities.parse(str(limit))),
            lacks="; ".join(dict.fromkeys(lacking)),
        )

    def _value(
        self, variable: _Variable, known: Mapping[str, str], localized: "_Paths", lacking: list[str]
    ) -> str | None:
        """What a variable holds; None if it is not set."""
        source = variable.value_from
        if source is None:
            return localized.put_into(_expanded(variable.value, known))
        ref = _secret_of(source)
        if ref is None:
            return str(self._metadata.get(_field_of(source) or "", ""))
        value = self._secret(ref, bool(source["secretKeyRef"].get("optional")), lacking)
        if value is not None and "\0" in value:
            described = secret_names.describe(ref.name, ref.key)
            lacking.append(
                f"the secret {described} can't be a variable, because it holds a null character: mount it as a file"
            )
            return None
        return value

    def _secret(self, ref: SecretRef, is_optional: bool, lacking: list[str]) -> str | None:
        self.asked.add(ref)
        value = self._handed.value(ref)
        if value is None and not is_optional:
            lacking.append(self._handed.problem(ref))
        return value


class _Paths:
    """Puts the paths of this machine where a text speaks of those of a container."""

    def __init__(self, paths: Mapping[str, str]) -> None:
        self._paths = {path.rstrip("/"): local for path, local in paths.items() if path.rstrip("/")}
        longest_first = sorted(self._paths, key=len, reverse=True)
        # A whole path or the beginning of one: "/data" in "--out=/data/x", not in "/data2" nor in "/my/data".
        choice = "|".join(re.escape(path) for path in longest_first)
        self._pattern = re.compile(rf"(?<![\w./-])({choice})(?![\w.-])")

    def put_into(self, text: str) -> str:
        return self._pattern.sub(lambda match: self._paths[match[1]], text)


def _expanded(text: str, known: Mapping[str, str]) -> str:
    """Kubernetes' `$(NAME)`; an unknown one stays, and `$$` is a dollar."""

    def value(match: re.Match[str]) -> str:
        return "$" if match["name"] is None else known.get(match["name"], match[0])

    return _REFERENCE.sub(value, text)
