"""The pure machine: `step(view, event, now) -> changes and commands`.

It has no clock, no randomness, no I/O, no logging and no threads, so that a whole history of crashes can be
simulated from a seed; the asyncio shell around it is the rest of `elevon.propeller`.
"""
