"""Templates in, a validated closure and an indexed graph out.

It owns what makes a workflow correct before anything runs. It must never know Python annotations, storage or time.
"""

from elevon.compiler.closures import compile  # noqa: A004 - called as compiler.compile, the room's one verb
from elevon.compiler.futures import compile_futures, min_success_count
from elevon.compiler.indexing import index
from elevon.compiler.problems import Code, CompilationError, Place, Problem
from elevon.compiler.templates import Templates

__all__ = [
    "Code",
    "CompilationError",
    "Place",
    "Problem",
    "Templates",
    "compile",
    "compile_futures",
    "index",
    "min_success_count",
]
