"""What there is in the environments of the configured hosts, asked before anything is run.

It owns the one-shot processes that look, one a host and all at once, and that whatever is wrong with an environment is
one sentence: it names the host and the mend, and costs that host's types only.
"""

import subprocess
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, NamedTuple

import msgspec

import elevon
from elevon import errors
from elevon.plugin.descriptions import Hosted, HostSettings
from elevon.plugin.discovery import Problem
from elevon.plugin.executors import CONTRACT_VERSION
from elevon.plugin.processes import surroundings
from elevon.plugin.processes.protocol import VERSION, Findings, Inquiry, Release

_PROGRAM: Final = "elevon.plugin.processes.describing"
_TIME_LIMIT_S: Final = 60.0


class Answers(NamedTuple):
    """What the hosts said.

    Attributes:
        hosted: Their executors.
        problems: What can't be had.
    """

    hosted: list[Hosted]
    problems: list[Problem]


def ask(
    hosts: Iterable[HostSettings], configuration: Mapping[str, Mapping[str, Any]], origin: str
) -> Answers:
    """Look into the environments of hosts.

    Args:
        hosts: Which.
        configuration: Settings of executors, by their ids.
        origin: Where the configuration was read, for errors.

    Raises:
        UserError: A setting of an executor is wrong.
    """
    answers = Answers([], [])
    wanted = list(hosts)
    with ThreadPoolExecutor(max(1, len(wanted)), "elevon-inquiry") as threads:
        asked = [threads.submit(_ask, host, configuration) for host in wanted]
    for host, each in zip(wanted, asked, strict=True):
        try:
            findings = each.result()
        except errors.UnavailableError as error:
            answers.problems.append(Problem(host.name, str(error), is_of_host=True))
            continue
        if findings.refused:
            raise errors.UserError(f"{origin}: {findings.refused} ({host})")
        for name, sentence in findings.problems:
            answers.problems.append(Problem(name, f"{host}: {sentence}"))
        for description in findings.executors:
            if description.contract_version > CONTRACT_VERSION:
                sentence = (
                    f"{host}: {description.path} needs version {description.contract_version} of the executor contract "
                    f"and this elevon has {CONTRACT_VERSION}: upgrade elevon"
                )
                answers.problems.extend(Problem(name, sentence) for name in description.task_types)
            else:
                answers.hosted.append(Hosted(description, host))
    return answers


def _ask(host: HostSettings, configuration: Mapping[str, Mapping[str, Any]]) -> Findings:
    """The findings of one host.

    Raises:
        UnavailableError: Its environment can't be used; names the host and the mend.
    """
    inquiry = Inquiry(
        tasktypes=host.tasktypes, configuration=configuration, import_path=surroundings.import_path(host)
    )
    python = surroundings.python_of(host)
    try:
        done = subprocess.run(  # noqa: S603 - the interpreter that the configuration names
            [python, "-P", "-m", _PROGRAM],
            input=msgspec.msgpack.encode(inquiry),
            capture_output=True,
            check=False,
            env=surroundings.environment(host),
            timeout=_TIME_LIMIT_S,
        )
    except OSError as error:
        raise errors.UnavailableError(
            f"{host} can't be had: {python} can't be started ({error.strerror}); make that environment, or name "
            f"another by python in [hosts.{host.name}]"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise errors.UnavailableError(
            f"{host} can't be had: {python} did not tell within {_TIME_LIMIT_S:g} s which executors it has; look what "
            "hangs when its packages are imported"
        ) from error
    return _read(host, python, done)


def _read(host: HostSettings, python: str, done: subprocess.CompletedProcess[bytes]) -> Findings:
    mend = f"install elevon {elevon.__version__} there"
    try:
        release = msgspec.msgpack.decode(done.stdout, type=Release)
        if release.version != VERSION:
            raise errors.UnavailableError(
                f"{host} can't be had: {python} has elevon {release.elevon}, which speaks version {release.version} of "
                f"the host protocol and this one {VERSION}; {mend}"
            )
        return msgspec.msgpack.decode(done.stdout, type=Findings)
    except msgspec.MsgspecError as error:
        last = surroundings.last_line(done.stderr) or f"it ended with code {done.returncode}"
        if "No module named 'elevon" not in last and "No module named elevon" not in last:
            mend = "mend that environment"
        raise errors.UnavailableError(
            f"{host} can't be had: {python} can't tell which executors it has: {last}; {mend}"
        ) from error
