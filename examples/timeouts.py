"""A time limit: an attempt that takes longer is killed, process and all, and that spends a retry."""

import time
from datetime import timedelta

from elevon import current_context, task, workflow


@task(timeout=timedelta(seconds=3), retries=1)
def answer() -> str:
    """Hangs at the first attempt."""
    if current_context().attempt == 0:
        time.sleep(3_600)
    return "in time"


@workflow
def punctual() -> str:
    """Ask somebody who may never answer."""
    return answer()
