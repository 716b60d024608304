"""Who runs the queries: one package each, chosen by `[executors.hive] backend`."""
