"""Templates in, a validated closure and an indexed graph out.

It owns what makes a workflow correct before anything runs. It must never know Python annotations, storage or time.
"""

from elevon.compiler.indexing import index

__all__ = ["index"]
