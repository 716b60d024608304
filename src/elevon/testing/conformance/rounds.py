"""One run: engines come and go until the execution has ended, or never will."""

from typing import Final

from elevon.testing.conformance import judges
from elevon.testing.conformance.faults import Plan
from elevon.testing.conformance.loops import ProcessKilledError, StandstillError, VirtualClock
from elevon.testing.conformance.memories import Survival
from elevon.testing.conformance.processes import NeverEndsError, SimulatedProcess
from elevon.testing.conformance.worlds import Setting, World

_PROCESS_LIMIT: Final = 20


def carry_out(setting: Setting, plan: Plan, survival: Survival = Survival.NOTHING) -> World:
    """Carry a plan out, and judge what came of it.

    Args:
        setting: What all runs of a check have in common.
        plan: What goes wrong.
        survival: What of the executor survives the end of an engine.
    """
    clock = VirtualClock()
    world = World(setting, plan, clock, survival)
    for _ in range(_PROCESS_LIMIT):
        try:
            SimulatedProcess(world, clock).live()
        except ProcessKilledError:
            world.living.clear()
            clock.advance(plan.pause_s)
            continue
        except StandstillError:
            world.is_standing = True
        except NeverEndsError:
            world.is_endless = True
        break
    judges.judge(world)
    return world
