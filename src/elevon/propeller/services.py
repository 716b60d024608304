"""What the composition root hands to the engine; the engine makes none of it."""

from datetime import timedelta
from pathlib import Path

import msgspec

from elevon import ports
from elevon.plugin.contexts import NO_SECRETS
from elevon.primitives.figures import Figures
from elevon.primitives.redaction import Redactor
from elevon.propeller.executors import Executors
from elevon.propeller.machine.backoffs import Backoff
from elevon.propeller.measures import Measures


class Services(msgspec.Struct, frozen=True, kw_only=True):
    """The adapters and settings of one engine.

    Attributes:
        store: Durable rows; open.
        executors: Who serves which task type, and where their calls run; started.
        launcher: Runs jobs.
        clock: The source of time.
        data_dir: Below it are the files of attempts.
        secrets: What tasks are given that ask for them.
        measures: Counts and measures what the engine does.
        redactor: Knows every secret that this engine hands out, to whomever.
        backoff: Patience with calls that raise.
        lease_time: How long a lease lasts; renewed three times within.
        takeover_patience: How long to wait for the end of whoever drives an execution that is to be taken over.
        request_interval: How often other processes' requests are looked for.
    """

    store: ports.StateStore
    executors: Executors
    launcher: ports.Launcher
    clock: ports.Clock
    data_dir: Path
    secrets: ports.SecretStore = NO_SECRETS
    measures: Measures = msgspec.field(default_factory=lambda: Measures(Figures()))
    redactor: Redactor = msgspec.field(default_factory=Redactor)
    backoff: Backoff = Backoff()
    lease_time: timedelta = timedelta(seconds=30)
    takeover_patience: timedelta = timedelta(seconds=2)
    request_interval: timedelta = timedelta(milliseconds=250)
