"""The command line: one module a command, and what they share.

It owns the words that people read and type, and the exit codes. It must never decide anything about executions: that
is `admin`'s and the engine's. A command's module is imported when the command is given, so that `elevon --help` costs
no more than Python's start.
"""
