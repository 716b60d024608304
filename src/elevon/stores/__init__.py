"""Adapters of `ports.StateStore`: SQLite for every home, memory for tests.

One contract suite says what both do. Importing this package imports neither, so that tests need no SQLite.
"""
