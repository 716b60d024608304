"""The wire: the one room that imports flyteidl.

`messages` holds the classes, the other modules what may be done with them. This room must never know Python
annotations, storage or transports.
"""
