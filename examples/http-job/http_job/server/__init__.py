"""A small job service over HTTP, with all that makes real ones hard: `python -m http_job.server --ledger FILE`."""
