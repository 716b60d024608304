"""The rows of a query in terms of what DuckDB has.

It owns the order in which a tree is changed: from the leaves up, so that what is put in for a node is made of what was
put in for its children. It must never look at a table.
"""

import duckdb

from elevon.tasktypes.hive.backends.embedded.functions import (
    calls,
    conversions,
    generators,
    groupings,
    macros,
)
from elevon.tasktypes.hive.backends.embedded.statements import Expression


def prepare(connection: duckdb.DuckDBPyConnection) -> None:
    """Have a connection know what rows are put in terms of. Times without a zone are of UTC, wherever it runs."""
    connection.execute("SET TimeZone = 'UTC'")
    for macro in macros.MACROS:
        connection.execute(macro)


def adapted(rows: Expression, database: str) -> Expression:
    """The same rows in terms of functions that there are.

    Args:
        rows: Those.
        database: The current one.

    Raises:
        UserError: They need something for which there is nothing.
    """
    tree = rows.copy()
    for node in reversed(list(tree.walk(bfs=False))):
        for adapt in (generators.adapt, groupings.adapt, conversions.adapt):
            adapt(node)
        replacement = calls.adapted(node, database)
        if node is tree:
            tree = replacement
        elif replacement is not node:
            node.replace(replacement)
    return tree
