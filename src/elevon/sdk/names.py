"""Identifiers on the wire, and whether another process can find by name what an identifier names.

It must never import user code: it only looks at modules that are loaded.
"""

import sys
from dataclasses import dataclass

from elevon.idl import identifiers, messages
from elevon.sdk import graphs


@dataclass(frozen=True, slots=True)
class Namer:
    """What all identifiers of one registration share."""

    project: str
    domain: str
    version: str

    def task(self, name: str) -> messages.Identifier:
        """The identifier of a task."""
        return identifiers.task(name, self.version, project=self.project, domain=self.domain)

    def workflow(self, name: str) -> messages.Identifier:
        """The identifier of a workflow."""
        return identifiers.workflow(name, self.version, project=self.project, domain=self.domain)


def loadable_name(entity: graphs.Entity) -> str:
    """The name under which another process finds something in its module: its own, or the variable that holds it.

    Raises:
        UserError: It is in `__main__`, inside a function, or hidden by another definition of its name.
    """
    site = entity.site
    if site.module == "__main__":
        raise site.error(
            f"is in a file that runs as a script, where no worker finds it: use elevon run {site.path}"
        )
    held = vars(sys.modules[site.module]) if site.module in sys.modules else {}
    if held.get(site.name) is entity:
        return site.name
    for name, value in held.items():
        if value is entity:
            return name
    if site.name in held:
        raise site.error(f"is hidden by another {site.name!r} in its module: give each a name of its own")
    raise site.error(
        "is not at the top of its module, where a worker looks for it: move it out of its function"
    )
