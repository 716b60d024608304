"""`WITH ROLLUP`, `WITH CUBE` and `GROUPING SETS`, which name their columns a second time in Hive.

It owns the clause behind GROUP BY. It must never change what is grouped.
"""

from sqlglot import exp

from elevon.tasktypes.hive.backends.embedded.statements import Expression

_ID = "grouping__id"


def adapt(node: Expression) -> None:
    """Have a query group as Hive means it."""
    if not isinstance(node, exp.Select) or (group := node.args.get("group")) is None:
        return
    columns = list(group.expressions)
    for key, kind in (("rollup", exp.Rollup), ("cube", exp.Cube)):
        if any(not one.expressions for one in group.args.get(key) or ()):
            group.set(key, [kind(expressions=columns)])
            group.set("expressions", [])
    if group.args.get("grouping_sets"):
        group.set("expressions", [])
    for one in list(node.find_all(exp.Column)):
        if one.name.lower() == _ID and one.find_ancestor(exp.Select) is node:
            one.replace(exp.Anonymous(this="GROUPING", expressions=[column.copy() for column in columns]))
