"""A task type of somebody else's: it waits for a file. Two files, because it needs no message: its input says all."""
