"""What a task finds of the secrets that it is given, and that nothing of them is left behind."""

import base64
from pathlib import Path

import pytest

from elevon import errors
from elevon.idl import messages
from elevon.ports import JobSecret
from elevon.primitives.redaction import MASK
from tests.integration.workers.benches import Bench, nothing, run, sentence, until, value

PLANTED = "hunter2-öl/3"
AS_VARIABLE = JobSecret(group="db", key="password", value=PLANTED, env_var="PGPASSWORD")
AS_FILE = JobSecret(
    group="tls", key="Key", group_version="v2", value=PLANTED, is_file=True, env_var="KEY_FILE"
)
BOTH = (AS_VARIABLE, AS_FILE)
READS = """
    @task
    def reads() -> str:
        secrets = current_context().secrets
        found = {
            secrets.get("db", "password"),
            os.environ["PGPASSWORD"],
            secrets.get("tls", "key", "v2"),
            Path(os.environ["KEY_FILE"]).read_text(),
        }
        mode = oct(Path(os.environ["KEY_FILE"]).stat().st_mode)
        return f"{len(found)} {len(found.pop())} {mode}"

    @task
    def looks() -> str:
        return " ".join(name for name in os.environ if "SECRET" in name or "FSEC" in name or "PGP" in name)

    @task
    def prints() -> None:
        import base64
        value = os.environ["PGPASSWORD"]
        print("it is", value, flush=True)
        os.write(2, base64.b64encode(f"me:{value}".encode()) + b"\\n")
        subprocess.run(["sh", "-c", "echo $PGPASSWORD"])

    @task
    def dies() -> None:
        print("it is", os.environ["PGPASSWORD"], flush=True)
        print(os.environ["PGPASSWORD"], "is it", file=sys.stderr, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)

    @task
    def lingers() -> None:
        print("it is", os.environ["PGPASSWORD"], flush=True)
        Path("../../../ready").touch()
        time.sleep(60)
"""


def places_of(folder: Path) -> list[str]:
    """The files that hold the planted value, in whatever form is looked for."""
    forms = (PLANTED.encode(), base64.b64encode(f"me:{PLANTED}".encode()))
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [str(path) for path in files if any(form in path.read_bytes() for form in forms)]


async def test_a_task_finds_its_secrets_as_variables_and_as_files(bench: Bench) -> None:
    launcher = bench.launcher()
    job = bench.task("reads", bench.code(READS), secrets=BOTH)
    assert value(await run(launcher, job)) == f"1 {len(PLANTED)} 0o100600"
    assert places_of(bench.folder) == []


async def test_the_next_task_of_the_worker_finds_nothing_of_them(bench: Bench) -> None:
    code, launcher = bench.code(READS), bench.launcher()
    await run(launcher, bench.task("reads", code, secrets=BOTH))
    assert value(await run(launcher, bench.task("looks", code))) == ""


async def test_what_a_task_prints_is_masked(bench: Bench) -> None:
    job = bench.task("prints", bench.code(READS), secrets=(AS_VARIABLE,))
    await run(bench.launcher(), job)
    assert (job.data_dir / "stdout.log").read_text() == f"it is {MASK}\n{MASK}\n"
    assert MASK in (job.data_dir / "stderr.log").read_text()
    assert places_of(bench.folder) == []


async def test_what_a_lost_worker_has_printed_is_masked(bench: Bench) -> None:
    job = bench.task("dies", bench.code(READS), secrets=(AS_VARIABLE,))
    result = await run(bench.launcher(), job)
    assert f"{MASK} is it" in sentence(result)
    assert (job.data_dir / "stdout.log").read_text() == f"it is {MASK}\n"
    assert places_of(bench.folder / "data") == []


async def test_the_output_of_a_running_task_with_secrets_is_not_shown(bench: Bench) -> None:
    launcher = bench.launcher(watch_interval_s=0.01)
    job = bench.task("lingers", bench.code(READS), secrets=(AS_VARIABLE,))
    await launcher.start(job, nothing)
    await until((bench.folder / "ready").exists)
    (bench.folder / "ready").unlink()
    assert not job.data_dir.exists()
    await launcher.kill(job.name)
    assert (job.data_dir / "stdout.log").read_text() == f"it is {MASK}\n"


async def test_a_command_finds_its_secrets_and_its_output_is_masked(bench: Bench) -> None:
    script = (
        'echo "$PGPASSWORD" "$_FSEC_DB_PASSWORD"; cat "$FLYTE_SECRETS_DEFAULT_DIR/tls/v2/key" >&2; exit 3'
    )
    job = bench.command("sh", "-c", script, secrets=BOTH)
    result = await run(bench.launcher(), job)
    assert sentence(result).endswith(f"exited with code 3: {MASK}")
    assert (job.data_dir / "stdout.log").read_text() == f"{MASK} {MASK}\n"
    assert places_of(bench.folder) == []


async def test_the_error_that_a_command_leaves_is_masked(bench: Bench) -> None:
    error = messages.ContainerError(code="USER:Refused", message=f"login as {PLANTED} was refused")
    made = bench.folder / "made.pb"
    made.write_bytes(messages.ErrorDocument(error=error).SerializeToString())
    job = bench.command("mv", str(made), bench.left("error.pb"), secrets=(AS_VARIABLE,))
    assert sentence(await run(bench.launcher(), job)) == f"login as {MASK} was refused"
    assert places_of(bench.folder) == []


async def test_a_secret_that_no_variable_can_hold_is_refused_without_telling_it(bench: Bench) -> None:
    secret = JobSecret(group="db", key="blob", value="hunter\0two")
    with pytest.raises(errors.UserError, match=r"'blob' of the group 'db' can't be a variable") as raised:
        await run(bench.launcher(), bench.command("true", secrets=(secret,)))
    assert "hunter" not in str(raised.value)


def test_a_secret_does_not_tell_itself() -> None:
    assert PLANTED not in repr(AS_VARIABLE)
    assert PLANTED not in f"{BOTH}"
