"""The public kit for authors of task types and for users: what the engine gives, in memory and under control.

This room owns honest fakes: they keep the contract, refuse what the engine would refuse, and record what happened.
Nothing below imports it.
"""
