"""A cluster of one machine: the pods of executors as local processes.

`clusters.LocalCluster` is the adapter of `ports.ClusterApi`. A resource is a folder below the home; its containers are
children of a keeper, a process of its own that outlives the engine, so that a restart of the engine finds the pod where
it stands. What a pod shows of itself is what Kubernetes shows, so that an executor sees no difference; what it can't
have here is refused in one sentence.
"""
