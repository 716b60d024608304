"""Transports of the control plane: HTTP, and the client of it.

It owns paths, bodies, statuses and sockets, and nothing else: what is asked goes to `admin.wire`, decoded. It must
never decide anything about executions. The client's module loads no server.
"""
