"""Who gives an order, as it is recorded."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
import os
import pwd
from elevon.cli import principals
os.setuid(54321)
print(principals.who())
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become a user without a name")
def test_a_user_without_a_name_is_called_by_the_number() -> None:
    environment = {name: text for name, text in os.environ.items() if name not in _NAMES}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.startswith("uid 54321 (pid "), done.stderr


_NAMES = {"LOGNAME", "USER", "LNAME", "USERNAME"}
