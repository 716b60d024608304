"""The control plane as Flyte's wire has it: requests and answers are flyteidl's messages, whatever carries them.

It owns the translation of records into messages, and what a request may ask for. What Flyte has no message for (code
that comes with a workflow, the rows of an execution, logs) is `extensions`. It must never know a transport.
"""
