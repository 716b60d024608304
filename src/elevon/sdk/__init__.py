"""What the author of a workflow, or of the SDK side of a task type, imports; `import elevon` re-exports the names.

The room turns annotated Python into the wire's templates, and runs user code on the wire's literals. It must import
fast, and must never import the engine, a store or a library for the network.
"""
