"""The message of the task type `spark`, in flyteidl's own classes.

It exists beside `messages` because these classes are needed by one task type alone, and their import takes time.
"""

from flyteidl.plugins.spark_pb2 import SparkApplication, SparkJob

__all__ = ["SparkApplication", "SparkJob"]
