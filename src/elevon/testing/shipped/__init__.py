"""Scenarios of the task types that come with elevon, one module a type; authors may take them as examples."""
