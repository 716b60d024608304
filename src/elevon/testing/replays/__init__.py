"""The recorded history of an attempt, fed through the executor's code as it is now, without touching its service.

`recordings` is what is fed, put together from stored rows; `replaying` feeds it; `refusals` sees to it that nothing
gets out. The code of the executor runs in a process of its own (`python -m elevon.testing.replays`), because what keeps
it from the network can't be undone in a process.
"""
