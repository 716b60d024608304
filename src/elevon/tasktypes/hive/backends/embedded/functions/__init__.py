"""Hive's functions and conversions over DuckDB: what sqlglot does not translate, or translates by name alone."""

from elevon.tasktypes.hive.backends.embedded.functions.adaptation import adapted, prepare

__all__ = ("adapted", "prepare")
