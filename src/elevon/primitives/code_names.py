"""The name by which a process of a task finds the user's code, where no warm worker is sent it.

It exists because both sides of it are far apart: whoever has the process started, and the entrypoint in it.
"""

from typing import Final

VARIABLE: Final = "ELEVON_CODE"
"""Holds the path of the bundle of sources that the execution was started with."""
