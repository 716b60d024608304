"""`elevon compile FILE NAME`: what a workflow compiles to."""

import argparse
from collections.abc import Iterator

from elevon import app, compiler
from elevon.admin import views
from elevon.cli import documents, exits, grammar, invocations, programs
from elevon.idl import literal_types, messages


def declare(parser: argparse.ArgumentParser) -> None:
    """Add options and arguments."""
    grammar.add_output(parser)
    grammar.add_tasktypes(parser)
    parser.add_argument("file", metavar="FILE", help="a Python file")
    parser.add_argument(
        "name", metavar="NAME", nargs="?", default="", help="a workflow of the file, or a task"
    )


def run(options: argparse.Namespace) -> int:
    """Compile it and show the closure."""
    invocation = invocations.of(options)
    prepared = programs.load(options.file, options.name).prepare(app.task_types(invocation.settings))
    if invocation.is_json:
        documents.write(documents.closure(prepared.closure))
    else:
        print("\n".join(_lines(prepared.closure)))
    return exits.Exit.SUCCEEDED


def _lines(closure: messages.CompiledWorkflowClosure) -> Iterator[str]:
    primary = closure.primary.template
    yield f"workflow {primary.id.name}  version {primary.id.version}"
    yield from _variables("inputs:", primary.interface.inputs)
    yield from _variables("outputs:", primary.interface.outputs)
    yield "nodes:"
    for node in views.tree(compiler.index(closure)):
        for view in node.walk():
            kind = f"  ({view.task_type})" if view.task_type else f"  ({view.kind})"
            yield f"{'  ' * (view.id.count('/') + 1)}{view.id.rpartition('/')[2]}  {view.name}{kind}"
    yield "tasks:"
    for task in closure.tasks:
        yield f"  {task.template.id.name}  ({task.template.type})"


def _variables(heading: str, variables: messages.VariableMap) -> Iterator[str]:
    yield heading
    for name, literal_type in views.types_of(variables).items():
        yield f"  {name}: {literal_types.describe(literal_type)}"
