"""`hiveserver2`: queries of a HiveServer2, Hive's own or Spark's, over its Thrift protocol."""
