"""An application that knows nothing of elevon: `word_count.py TEXT FOLDER`."""

import sys

from pyspark.sql import SparkSession


def main(text: str, folder: str) -> None:
    spark = SparkSession.builder.getOrCreate()
    words = spark.createDataFrame([(word,) for word in text.split()], ["word"])
    words.groupBy("word").count().write.parquet(folder)
    print(f"{words.count()} words are in {folder}")


main(*sys.argv[1:])
