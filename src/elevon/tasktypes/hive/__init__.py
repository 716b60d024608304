"""Hive queries: tasks that make them, the message that carries them, and the executor that has a backend run them."""
