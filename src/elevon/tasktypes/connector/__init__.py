"""The task types of connector services: whatever any Flyte connector offers, over gRPC."""
