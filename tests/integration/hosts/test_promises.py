"""An executor in a process of its own may rely on what every executor may rely on."""

import os

from elevon.records.phases import ExecutionPhase
from tests.integration.engine.worlds import outputs_of
from tests.integration.hosts.stages import Stage


async def test_calls_are_made_in_another_process_and_state_comes_back(stage: Stage) -> None:
    record = await stage.run()
    assert record.phase is ExecutionPhase.SUCCEEDED
    assert outputs_of(record) == {"o0": 1}
    assert stage.kinds() == ["initialize", "start", "check", "finalize", "close"]
    (pid,) = stage.pids()
    assert pid != os.getpid()
    assert stage.notes[2]["state"] == 1
