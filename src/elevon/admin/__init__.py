"""The control plane: what can be asked of elevon, whatever the transport.

Asynchronous methods over the ports, on the wire's messages where the wire has them and on records otherwise. It must
never know a transport, a terminal or an engine: it writes rows, and whoever drives executions obeys them.
"""
