"""One module a command: `declare` says what can be typed, `run` does it and returns the exit code."""
