"""The front door: what a workflow author gets from ``import elevon``.

It owns the version of the package, which the build reads from here. It must never import a library that is
slow to load: a task process pays for this import on every start.
"""

__version__ = "0.1.0"
