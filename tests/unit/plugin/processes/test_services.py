"""An executor in a process is given whatever an executor is given."""

from elevon.plugin import SetupContext
from elevon.plugin.processes import services

OF_THE_PROCESS = {"config", "clock", "state_dir", "caches"}
ADAPTED = {"pools", "metrics"}


def test_every_service_of_a_set_up_crosses() -> None:
    """A new field of `SetupContext` is a line of `PLAIN`, or has an adapter."""
    assert set(SetupContext.__struct_fields__) == OF_THE_PROCESS | ADAPTED | set(services.PLAIN)
