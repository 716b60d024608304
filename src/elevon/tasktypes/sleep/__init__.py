"""`sleep`: waits, durably. The example to copy: `sleep.proto`, `task.py` and `executor.py` are a whole task type."""
