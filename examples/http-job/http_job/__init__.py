"""`http-job`: jobs of an HTTP service, as a task type that a stranger could have written.

`http_job.proto` is the message, `task.py` what a workflow calls, `executor.py` the engine's side, over `clients.py`;
and `python -m http_job.server` is the service, which a real stranger would find rather than write.
"""
