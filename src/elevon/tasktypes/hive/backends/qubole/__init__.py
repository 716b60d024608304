"""The Qubole Data Service: the backend that the type is called after on Flyte's wire."""
