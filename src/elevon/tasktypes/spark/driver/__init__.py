"""The program that `spark-submit` runs for user code, in a folder of its own, because Python looks there first."""
