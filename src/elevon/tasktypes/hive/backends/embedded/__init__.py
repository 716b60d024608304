"""DuckDB on this machine as a Hive: tables are parquet files of the home, each query is a process of its own."""
