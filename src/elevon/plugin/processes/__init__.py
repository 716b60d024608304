"""Executors in processes of their own: host processes, the pipe to them, and the descriptions that they give.

An executor in a host process sees the same interfaces as one on the engine's loop. `hosts` is the engine's side,
`child` the program of the process, and what they say to each other goes by plain interfaces (`protocol`) over one link
(`links`). This room must never decide what becomes of an attempt: it answers calls, as every other host does.
"""
