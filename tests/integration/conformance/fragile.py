"""A scenario that ends its process, as a library may, until it has done so as often as the environment wants."""

import os
import signal
from pathlib import Path
from typing import Any

from elevon.testing.shipped.sleep import SleepScenario

BOOK = "FRAGILE_BOOK"
DEATHS = "FRAGILE_DEATHS"


class FragileScenario(SleepScenario):
    def executor(self, service: Any) -> Any:
        book = Path(os.environ[BOOK])
        died = len(book.read_text()) if book.exists() else 0
        if died < int(os.environ[DEATHS]):
            book.write_text("x" * (died + 1))
            os.kill(os.getpid(), signal.SIGSEGV)
        return super().executor(service)
