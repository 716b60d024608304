"""The message of hive queries on Flyte's wire, which is called after the service that first ran them.

It exists beside `messages` because one task type alone needs it. It owns no meaning of any field.
"""

from flyteidl.plugins.qubole_pb2 import HiveQuery, HiveQueryCollection, QuboleHiveJob

__all__ = ["HiveQuery", "HiveQueryCollection", "QuboleHiveJob"]
