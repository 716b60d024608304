"""Processes of this machine that run tasks: warm Python workers, container commands, and pods.

`launcher.LocalLauncher` is the adapter of `ports.Launcher`, `cluster.clusters.LocalCluster` that of `ports.ClusterApi`.
This room owns every process that elevon starts for a task, and the reaper that ends them when the engine is killed. It
must never decide what happens to an attempt: it says how a job ended, and the engine does the rest. Nothing is imported
here, because a worker process imports this package too and has no use for the engine's side.
"""
