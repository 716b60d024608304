"""`python-task`: the function of a user in a process of its own. Its task side is the SDK's `@task`."""
